/** @file The stickers to measure a model pack with: its training stickers and its held-out ones. */
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { z } from "zod";
import { decodeRgb } from "../../../db/image-codec.js";
import { pathExists, readLocal } from "../../../db/local-files.js";
import { AppError } from "../../../errors/app-error.js";
import { parseJson } from "../../../errors/parse-options.js";
import { Random } from "../../../ml/nn/random.js";
import { type RgbImage } from "../../../ml/nn/rgb-image.js";
import { type ModelPack } from "../../../ml/runtime/model-pack.js";

/** One line of `catalog.jsonl`, as `vitrine stickers export` writes it. */
const stickerSchema = z.object({
  id: z.string(),
  concept: z.string(),
  style: z.string(),
  title: z.string(),
  caption: z.string(),
  file: z.string(),
});

export type MeasuredSticker = z.infer<typeof stickerSchema>;

/** The held-out list of packs without one of their own: beside the scripts that build the bundled pack. */
const HELD_OUT_OF_THE_SOURCES = resolve(import.meta.dirname, "../../../pretrain/heldout.json");

/** Seed of every choice of stickers, so that all measurements use the same ones. */
const CHOICE_SEED = 17;

export class MeasuredStickers {
  private constructor(
    private readonly folder: string,
    readonly trained: readonly MeasuredSticker[],
    /** In a fixed random order, so that the first `n` are an unbiased sample. */
    readonly heldOut: readonly MeasuredSticker[],
    /** SHA-256 of the catalogue and of its held-out part. */
    readonly hash: string,
  ) {}

  /**
   * Reads an exported folder and the pack's `heldout.json` (`["style:concept", …]`).
   *
   * @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED`.
   */
  static async load(folder: string, pack: ModelPack): Promise<MeasuredStickers> {
    const path = join(folder, "catalog.jsonl");
    const text = (await readLocal(path)).toString();
    const stickers = text
      .split("\n")
      .filter(line => line !== "")
      .map((line, index) => parseJson(line, stickerSchema, malformed(path, `line ${index + 1}`)));
    const own = join(pack.dir, "heldout.json");
    const listPath = pathExists(own) ? own : HELD_OUT_OF_THE_SOURCES;
    const list = (await readLocal(listPath)).toString();
    const pairs = new Set(parseJson(list, z.array(z.string()), malformed(listPath, "list")));
    const heldOut = stickers.filter(({ id }) => pairs.has(id));
    if (heldOut.length === 0) {
      const reason = `none of its stickers is in ${listPath}`;
      throw new AppError("FILE_MALFORMED", {
        path,
        expected: "the catalogue held out from",
        reason,
      });
    }
    return new MeasuredStickers(
      folder,
      stickers.filter(({ id }) => !pairs.has(id)),
      new Random(CHOICE_SEED).shuffled(heldOut),
      createHash("sha256").update(text).update(list).digest("hex"),
    );
  }

  /** `length` training stickers, the same random choice every time. */
  chosenOfTrained(length: number): MeasuredSticker[] {
    return new Random(CHOICE_SEED).shuffled(this.trained).slice(0, length);
  }

  /** A sticker's image, `side` pixels high and wide. @throws AppError `FILE_NOT_FOUND`, `IMAGE_UNREADABLE`. */
  async image({ file }: MeasuredSticker, side: number): Promise<RgbImage> {
    const bytes = await readLocal(join(this.folder, file));
    return decodeRgb(bytes, { widthPixels: side, heightPixels: side });
  }
}

/** The fault of a file that `place` of it causes. */
function malformed(path: string, place: string): (reason: string) => AppError {
  const expected = "the output of 'vitrine stickers export'";
  return reason =>
    new AppError("FILE_MALFORMED", { path, expected, reason: `${place}: ${reason}` });
}
