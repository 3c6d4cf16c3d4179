/**
 * @file A model pack: one folder with the base models, in the usual Hugging Face layouts.
 *
 * `model_index.json` and `unet/`, `vae_encoder/`, `vae_decoder/`, `text_encoder/`, `tokenizer/`, `scheduler/` are a
 * Stable Diffusion pipeline exported to ONNX, as diffusers and optimum write it, so a plain SD-1.5 folder is a pack.
 * Vitrine's own packs add `image_projection/`, `clip/`, `captioner/`, `memory/`, `style_classifier/`, `styles.json` and
 * a `manifest.json` with checksums. A pack without `unet/` generates no images by diffusion: `subject_mask/` cuts the subject
 * out of a photograph, and `style_vectors/` transfers the style of one image to another.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { parseJson } from "../../errors/parse-options.js";
import { manifestSchema, type PackManifest, sha256OfFile } from "./pack-manifest.js";

/** The parts a pack may have; see {@link ModelPack.has}. */
export const packComponents = [
  "unet",
  "vae_encoder",
  "vae_decoder",
  "text_encoder",
  "tokenizer",
  "scheduler",
  "image_projection",
  "clip",
  "captioner",
  "llm",
  "memory",
  "style_classifier",
  "subject_mask",
  "style_vectors",
] as const;

export type PackComponent = (typeof packComponents)[number];

const INDEX = "model_index.json";

const modelIndexSchema = z.looseObject({ _class_name: z.string() });

/**
 * Opens a pack: checks its index, its manifest, and the presence and size of every listed file. Checksums require
 * reading every byte, so they are checked when a part is loaded ({@link ModelPack.verifyParts}).
 *
 * @throws AppError `MODEL_PACK_ABSENT`, `MODEL_FILE_MISSING`, `MODEL_FILE_DAMAGED` (wrong size), `MODEL_PACK_INVALID`.
 */
export async function openModelPack(dir: string): Promise<ModelPack> {
  const root = resolve(dir);
  if (!existsSync(root)) {
    throw new AppError("MODEL_PACK_ABSENT", { path: root });
  }
  const name = basename(root);
  await readJson(root, name, INDEX, modelIndexSchema);
  if (!existsSync(join(root, "manifest.json"))) {
    return new ModelPack(root, name, (await configHash(root)).slice(0, 12), null);
  }
  const manifest = await readJson(root, name, "manifest.json", manifestSchema);
  const hash = await sha256OfFile(join(root, "manifest.json"));
  const version = `${manifest.version}-${hash.slice(0, 12)}`;
  const pack = new ModelPack(root, manifest.name, version, manifest);
  const damaged: string[] = [];
  for (const { path, sizeBytes } of manifest.files) {
    if ((await stat(pack.path(path))).size !== sizeBytes) {
      damaged.push(path);
    }
  }
  refuseDamaged(pack, damaged);
  return pack;
}

/** An open pack. It holds paths, not models. */
export class ModelPack {
  constructor(
    /** Absolute. */
    readonly dir: string,
    /** The manifest's name, or the folder's without a manifest. */
    readonly name: string,
    /**
     * The manifest's version and the first digits of its SHA-256, so that two builds of one version differ; without a
     * manifest, those of the SHA-256 of its configuration files and model sizes.
     */
    readonly version: string,
    readonly manifest: PackManifest | null,
  ) {}

  /** `name@version` of the whole pack: part of the identity of all that it makes. */
  get id(): string {
    return `${this.name}@${this.versionOf()}`;
  }

  /**
   * The version of some parts, by default all with the index: it changes when one of their files changes, and only then.
   * Without a manifest: of the whole folder.
   */
  versionOf(...components: PackComponent[]): string {
    if (!this.manifest) {
      return this.version;
    }
    const isWhole = components.length === 0;
    const parts = isWhole ? packComponents : components;
    const isCounted = (path: string) =>
      parts.some(part => path.startsWith(`${part}/`)) || (isWhole && path === INDEX);
    const lines = this.manifest.files
      .filter(({ path }) => isCounted(path))
      .map(({ path, sha256 }) => `${path} ${sha256}\n`)
      .sort();
    const hash = createHash("sha256").update(lines.join("")).digest("hex");
    return `${this.manifest.version}-${hash.slice(0, 12)}`;
  }

  /** True when the pack has this part. */
  has(component: PackComponent): boolean {
    return existsSync(join(this.dir, component));
  }

  /** True when the pack has this file, named with `/`. */
  hasFile(sub: string): boolean {
    return existsSync(join(this.dir, sub));
  }

  /**
   * The absolute path of a file or folder of the pack, named with `/`.
   *
   * @throws AppError `MODEL_FILE_MISSING`.
   */
  path(sub: string): string {
    const path = join(this.dir, sub);
    if (!existsSync(path)) {
      throw new AppError("MODEL_FILE_MISSING", { pack: this.name, path: sub });
    }
    return path;
  }

  /**
   * Reads and validates a JSON file of the pack.
   *
   * @throws AppError `MODEL_FILE_MISSING`; `MODEL_PACK_INVALID` with every fault of the file.
   */
  readJson<T>(sub: string, schema: z.ZodType<T>): Promise<T> {
    return readJson(this.dir, this.name, sub, schema);
  }

  /**
   * {@link verify} for the files of some parts, before they are loaded: a model with other weights gives wrong images
   * instead of an error.
   *
   * @throws AppError `MODEL_FILE_MISSING`, `MODEL_FILE_DAMAGED`
   */
  verifyParts(...components: PackComponent[]): Promise<void> {
    return this.verify(undefined, path => components.some(part => path.startsWith(`${part}/`)));
  }

  /**
   * Compares the SHA-256 of every listed file. Does nothing without a manifest.
   *
   * @param onFile Called before each file with the fraction of the pack read so far, 0..1.
   * @param isWanted Default: every file.
   * @throws AppError `MODEL_FILE_MISSING`; `MODEL_FILE_DAMAGED`, which names every file that differs.
   */
  async verify(
    onFile?: (path: string, done: number) => void,
    isWanted: (path: string) => boolean = () => true,
  ): Promise<void> {
    const files = (this.manifest?.files ?? []).filter(({ path }) => isWanted(path));
    const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const damaged: string[] = [];
    let doneBytes = 0;
    for (const { path, sha256, sizeBytes } of files) {
      onFile?.(path, doneBytes / total);
      if ((await sha256OfFile(this.path(path))) !== sha256) {
        damaged.push(path);
      }
      doneBytes += sizeBytes;
    }
    refuseDamaged(this, damaged);
  }
}

/** @throws AppError `MODEL_FILE_DAMAGED` with all `paths`, if any. */
function refuseDamaged({ name }: ModelPack, paths: readonly string[]): void {
  if (paths.length > 0) {
    throw new AppError("MODEL_FILE_DAMAGED", { pack: name, path: paths.join(", ") });
  }
}

async function readJson<T>(
  dir: string,
  pack: string,
  sub: string,
  schema: z.ZodType<T>,
): Promise<T> {
  const path = join(dir, sub);
  if (!existsSync(path)) {
    throw new AppError("MODEL_FILE_MISSING", { pack, path: sub });
  }
  const text = await readFile(path, "utf8");
  return parseJson(
    text.replaceAll(PYTHON_NUMBERS, asText),
    schema,
    reason => new AppError("MODEL_PACK_INVALID", { path, reason }),
  );
}

/** Matches strings, which stay, and the non-JSON numbers that Python writes, as in diffusers' `lambda_min_clipped`. */
const PYTHON_NUMBERS = /"(?:[^"\\]|\\.)*"|-?\b(?:Infinity|NaN)\b/g;
const NAMES: Readonly<Record<string, string>> = {
  Infinity: '"inf"',
  "-Infinity": '"-inf"',
  NaN: '"nan"',
};

function asText(token: string): string {
  return Object.hasOwn(NAMES, token) ? NAMES[token] : token;
}

/** SHA-256 of all files' names, the JSON files' bytes and the other files' sizes. */
async function configHash(root: string): Promise<string> {
  const hash = createHash("sha256");
  const files = (await readdir(root, { recursive: true })).sort();
  for (const file of files) {
    const path = join(root, file);
    const { size, isFile } = await stat(path).then(s => ({ size: s.size, isFile: s.isFile() }));
    if (isFile) {
      hash.update(`${file.replaceAll("\\", "/")}\n${size}\n`);
      if (file.endsWith(".json")) {
        hash.update(await readFile(path));
      }
    }
  }
  return hash.digest("hex");
}
