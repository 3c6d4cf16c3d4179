/**
 * @file The packs that can be fetched by name: `models/packs.json`, and a user's file in the same format.
 *
 * A pack consists of parts: files of a hub repository, placed in a folder of the pack.
 */
import { join, posix, resolve } from "node:path";
import { z } from "zod";
import { isInside } from "../runtime/pack-manifest.js";

/** The package's own catalogue, relative to this file (`src/ml/packs` or `dist/ml/packs`). */
export const builtInCataloguePath = resolve(import.meta.dirname, "../../../models/packs.json");

const insidePath = z.string().refine(isInside, "must be a relative path inside the pack");
const folder = z.union([z.literal(""), insidePath]);

const fileSchema = z.strictObject({
  /** Path in the part's folder of the pack. */
  path: insidePath,
  /** Path in the repository, relative to the part's `from`. Default: `path`. */
  from: insidePath.optional(),
  sizeBytes: z.number().int().nonnegative().optional(),
  /** Where absent, the hub's checksum counts, and later the one recorded at the first pull. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits in lower case")
    .optional(),
});

const partSchema = z.strictObject({
  /** Folder of the pack; empty for its root. Several parts may share a folder. */
  folder,
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be 'owner/name'"),
  /** A branch, a tag or, better, a commit. Default: `main`. */
  revision: z.string().min(1).default("main"),
  /** Folder of the repository that holds the files. Default: its root. */
  from: folder.default(""),
  /** As its authors name it. */
  license: z.string().min(1),
  files: z.array(z.union([insidePath.transform(path => ({ path })), fileSchema])).min(1),
});

const packSchema = z
  .strictObject({
    version: z.string().min(1),
    description: z.string(),
    parts: z.array(partSchema).min(1),
  })
  .superRefine(({ parts }, context) => {
    const seen = new Set<string>();
    for (const path of parts.flatMap(part =>
      part.files.map(file => inPack(part.folder, file.path)),
    )) {
      if (seen.has(path)) {
        context.addIssue({ code: "custom", message: `two parts give '${path}'` });
      }
      seen.add(path);
    }
  });

/** The format of a catalogue file; see docs/models.md. */
export const catalogueSchema = z.strictObject({
  packs: z.record(
    z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "use lower-case letters, digits and hyphens"),
    packSchema,
  ),
});

export type CatalogueFile = z.infer<typeof catalogueSchema>;

/** A file of a pack and its source. */
export interface PackFile {
  /** Path in the pack, with `/`. */
  path: string;
  repository: string;
  revision: string;
  /** Path in the repository. */
  file: string;
  license: string;
  sizeBytes: number | null;
  sha256: string | null;
}

/** A pack that can be fetched. */
export interface CataloguePack {
  name: string;
  version: string;
  description: string;
  /** Without duplicates, in the order of the parts. */
  licenses: readonly string[];
  files: readonly PackFile[];
}

/** The packs of all catalogues by name; later catalogues override earlier ones. */
export function packCatalogue(files: readonly CatalogueFile[]): ReadonlyMap<string, CataloguePack> {
  const merged = Object.assign({}, ...files.map(({ packs }) => packs)) as CatalogueFile["packs"];
  return new Map(
    Object.entries(merged).map(([name, { description, parts, version }]) => [
      name,
      {
        name,
        version,
        description,
        licenses: [...new Set(parts.map(({ license }) => license))],
        files: parts.flatMap(part =>
          part.files.map((file: z.infer<typeof fileSchema>) => ({
            path: inPack(part.folder, file.path),
            repository: part.repository,
            revision: part.revision,
            file: inPack(part.from, file.from ?? file.path),
            license: part.license,
            sizeBytes: file.sizeBytes ?? null,
            sha256: file.sha256 ?? null,
          })),
        ),
      },
    ]),
  );
}

/** The folder of a pack in the cache. */
export function cachedPackFolder(cacheFolder: string, name: string): string {
  return join(cacheFolder, name);
}

function inPack(folderName: string, path: string): string {
  return posix.join(folderName, path);
}
