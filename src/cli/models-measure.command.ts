/** @file `vitrine models measure`: measures a model pack on held-out images. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { bundledPackFolder, loadConfig, modelPackFolder } from "../config/config.js";
import { FolderArtefactStore } from "../db/artefact-store.js";
import { openModelPack } from "../ml/runtime/model-pack.js";
import { writePackFile } from "../ml/runtime/pack-manifest.js";
import { exportStickers } from "../recsys/datasets/sticker-export.js";
import { contactSheet } from "../recsys/lab/packs/contact-sheet.js";
import { measurePack, type PackFigures } from "../recsys/lab/packs/measure-pack.js";
import { MeasuredStickers } from "../recsys/lab/packs/pack-stickers.js";
import { wholeNumber } from "./option-values.js";
import { withProgress } from "./progress.js";

interface MeasureFlags {
  stickers?: string;
  features?: string;
  lpips?: string;
  pack?: string;
  count: number;
  steps?: number;
  samples?: number;
  guidance?: number;
  sheet?: string;
  write?: boolean;
  json?: boolean;
}

/** Of the contact sheet: 8 x 8 pictures of 128 pixels. */
const SHEET = { columns: 8, side: 128, numImages: 64 };

export function modelsMeasureCommand(): Command {
  return new Command("measure")
    .description("measure the model pack on stickers that it never trained on")
    .option(
      "--pack <name or folder>",
      "the pack to measure (default: the active one; by 'auto' mini)",
    )
    .option("--stickers <folder>", "a folder of 'stickers export' (default: exported when needed)")
    .option(
      "--features <file>",
      "MobileNetV2 as ONNX, for the independent classifiers of generated pictures",
    )
    .option("--lpips <file>", "LPIPS as ONNX, for the autoencoder")
    .option("--count <number>", "number of held-out stickers to measure", wholeNumber, 200)
    .option("--steps <number>", "denoising steps (default: the pack's)", wholeNumber)
    .option("--samples <number>", "samples per exemplar (default: the pack's)", wholeNumber)
    .option("--guidance <number>", "guidance scale (default: the pack's)", decimal)
    .option("--sheet <file>", "write 64 of the generated pictures as one PNG")
    .option("--write", "write the metrics to the pack's metrics.json")
    .option("--json", "print one JSON line")
    .action(measure);
}

async function measure(flags: MeasureFlags): Promise<void> {
  const config = loadConfig();
  const pack = await openModelPack(
    flags.pack === undefined
      ? (config.modelsFolder ?? bundledPackFolder("mini"))
      : modelPackFolder(flags.pack, config.modelCache),
  );
  const { figures, images } = await withProgress(null, async show => {
    const report = (label: string, fraction: number) => {
      show({ label, fraction, stage: "" });
    };
    const folder = flags.stickers ?? (await exportedStickers(config.home, report));
    return measurePack(pack, await MeasuredStickers.load(folder, pack), {
      featuresPath: flags.features ?? null,
      lpipsPath: flags.lpips ?? null,
      count: flags.count,
      numSteps: flags.steps,
      numSamples: flags.samples,
      guidanceScale: flags.guidance,
      store: new FolderArtefactStore(config.home),
      onnx: { numThreads: config.onnxThreads },
      onProgress: report,
    });
  });
  if (flags.sheet) {
    const shown = images.slice(0, SHEET.numImages);
    await writeFile(flags.sheet, await contactSheet(shown, { ...SHEET, generator: pack.id }));
  }
  if (flags.write) {
    await keepFigures(pack.dir, figures);
  }
  console.log(flags.json ? JSON.stringify(figures) : tableOf(figures));
}

/** The stickers below the data folder, exported once. */
async function exportedStickers(
  home: string,
  report: (label: string, fraction: number) => void,
): Promise<string> {
  const folder = join(home, "cache", "stickers");
  const finished = join(folder, "complete");
  if (!existsSync(finished)) {
    await exportStickers(folder, {
      onProgress: done => {
        report("stickers", done);
      },
    });
    await writeFile(finished, "");
  }
  return folder;
}

/** Merges the metrics into metrics.json, keeping those that are not measured here. */
async function keepFigures(dir: string, figures: PackFigures): Promise<void> {
  const path = join(dir, "metrics.json");
  const kept: unknown = existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : {};
  const measured = Object.fromEntries(
    Object.entries(figures).filter(([name]) => name !== "pack" && name !== "heldOutStickers"),
  );
  const merged = mergedJson(kept, inSnakeCase(measured));
  await writePackFile(dir, "metrics.json", `${JSON.stringify(merged, null, 2)}\n`);
}

/** Merges `addition` into `base`, key by key, down to values that are not objects. */
export function mergedJson(base: unknown, addition: unknown): unknown {
  if (!isObject(base) || !isObject(addition)) {
    return addition;
  }
  const entries = Object.entries(addition).map(([key, value]) => [
    key,
    mergedJson(base[key], value),
  ]);
  return { ...base, ...Object.fromEntries(entries) };
}

/** Keys in snake case, numbers rounded to four places. */
export function inSnakeCase(value: unknown): unknown {
  if (typeof value === "number") {
    return Number(value.toFixed(4));
  }
  if (!isObject(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, own]) => [
      key.replace(/(?<=[a-z0-9])[A-Z]/g, letter => `_${letter}`).toLowerCase(),
      inSnakeCase(own),
    ]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One line per metric. */
function tableOf(figures: PackFigures): string {
  const { autoencoder, captioner, clip, classifier, textToImage } = figures;
  const { textToImageFromWordsAlone: fromWordsAlone } = figures;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const of = (shares: { top1: number; top5: number }) =>
    `${percent(shares.top1)} / ${percent(shares.top5)}`;
  const classified = (
    what: NonNullable<typeof textToImage> | NonNullable<typeof classifier>["ceilingOnReal"],
  ) =>
    `style ${percent(what.styleAccuracy)}; concept top-1 / top-5 ` +
    `${of({ top1: what.conceptTop1Among, top5: what.conceptTop5Among })} among ${what.numConceptsAmong}, ` +
    `${of({ top1: what.conceptTop1OfAll, top5: what.conceptTop5OfAll })} of all ${what.numConcepts}`;
  const lpips =
    "lpipsMean" in autoencoder
      ? `${autoencoder.lpipsMean!.toFixed(4)} (${autoencoder.lpipsModel}, ${autoencoder.widthPixels} px)`
      : "not measured: give --lpips";
  const rows: [string, string][] = [
    ["pack", figures.pack],
    ["held-out pictures", `${captioner.pictures} of ${figures.heldOutStickers}`],
    [
      `CLIP image -> caption, among ${clip.among}`,
      `R@1 ${percent(clip.imageToCaptionR1)}, R@5 ${percent(clip.imageToCaptionR5)}`,
    ],
    ["captioner, F1 of words", captioner.wordF1.toFixed(3)],
    ["autoencoder PSNR", `${autoencoder.psnrDbMean.toFixed(2)} dB`],
    ["autoencoder SSIM", autoencoder.ssimMean.toFixed(4)],
    ["autoencoder LPIPS", lpips],
  ];
  if (classifier && textToImage) {
    rows.push(
      ["classifier on real images", classified(classifier.ceilingOnReal)],
      ["classifier on decoded images", classified(classifier.ceilingOnDecoded)],
      ["generated from text", classified(textToImage)],
      ...(fromWordsAlone
        ? [["without the exemplar bank", classified(fromWordsAlone)] as [string, string]]
        : []),
      [
        "per image",
        `${textToImage.numSteps} steps at guidance ${textToImage.guidanceScale}: ${textToImage.denoiserRuns} U-Net runs, ` +
          `${textToImage.latentsEvaluated} latents evaluated, ${textToImage.secondsAnImage.toFixed(2)} s`,
      ],
    );
  } else {
    rows.push(["generated from text", "not measured: give --features"]);
  }
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new InvalidArgumentError("must be a number");
  }
  return value;
}
