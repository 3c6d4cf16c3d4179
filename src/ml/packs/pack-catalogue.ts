/**
 * @file The packs that can be fetched by name: `models/packs.json`, and a file of the user's in the same form.
 *
 * A pack is assembled from parts: files of a hub's repository, put into a folder of the pack.
 */
import { join, posix, resolve } from "node:path";
import { z } from "zod";
import { isInside } from "../runtime/pack-manifest.js";

/** The catalogue that comes with the package, found from this file (`src/ml/packs` or `dist/ml/packs`). */
export const builtInCataloguePath = resolve(import.meta.dirname, "../../../models/packs.json");

const insidePath = z.string().refine(isInside, "must be a relative path inside the pack");
const folder = z.union([z.literal(""), insidePath]);

const fileSchema = z.strictObject({
  /** In the part's folder of the pack. */
  path: insidePath,
  /** In the repository, from the part's `from`. Default: `path`. */
  from: insidePath.optional(),
  sizeBytes: z.number().int().nonnegative().optional(),
  /** Where it is not known, what the hub says counts, and later what was recorded at the first pull. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits in lower case")
    .optional(),
});

const partSchema = z.strictObject({
  /** Of the pack; empty for the pack's own. Several parts may fill one folder. */
  folder,
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be 'owner/name'"),
  /** A branch, a tag or, better, a commit. Default: `main`. */
  revision: z.string().min(1).default("main"),
  /** Folder of the repository that the files are in. Default: its root. */
  from: folder.default(""),
  /** As its makers name it. */
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

/** The form of a catalogue's file; docs/models.md describes it. */
export const catalogueSchema = z.strictObject({
  packs: z.record(
    z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "a name has lower-case letters, digits and hyphens"),
    packSchema,
  ),
});

export type CatalogueFile = z.infer<typeof catalogueSchema>;

/** A file of a pack and where it comes from. */
export interface PackFile {
  /** In the pack, with `/`. */
  path: string;
  repository: string;
  revision: string;
  /** Its path in the repository. */
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
  /** Each named once, in the order of the parts. */
  licenses: readonly string[];
  files: readonly PackFile[];
}

/** The packs of all catalogues by name; where two name one, the later counts. */
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
