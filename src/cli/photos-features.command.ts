/** @file `vitrine photos features`: the photo encoder against that of the stickers, by the taste of simulated shoppers. */
import { Command } from "commander";
import { bundledPackFolder, bundledPacks } from "../config/config.js";
import { decodeRgb } from "../db/image-codec.js";
import { readLocal } from "../db/local-files.js";
import { ClipEncoder } from "../ml/clip/clip-encoder.js";
import type { RgbImage } from "../ml/nn/rgb-image.js";
import { openModelPack } from "../ml/runtime/model-pack.js";
import type { ShopProduct } from "../recsys/datasets/photo-shops.js";
import { catalogueCaption, PhotosSource } from "../recsys/datasets/photos.js";
import {
  compareFeatures,
  type FeatureComparison,
  type NamedFeatures,
} from "../recsys/lab/studio/compare-features.js";
import type { CliContext } from "./cli-context.js";
import { wholeNumber } from "./option-values.js";
import { chosenShops, type ShopFolders, withShopOptions } from "./photo-shop-options.js";
import { withProgress } from "./progress.js";

interface Flags extends ShopFolders {
  products: number;
  users: number;
  json?: boolean;
}

/** Images decoded at once: encoders read far fewer pixels. */
const BATCH = 32;
const DECODED_SIDE = 320;

export function photosFeaturesCommand(context: CliContext): Command {
  const command = new Command("features")
    .description(
      "compare the encoders of the packs 'studio' and 'mini' by the held-out likes of simulated shoppers (NDCG@10)",
    )
    .option("--products <number>", "products of each shop", wholeNumber, 400)
    .option("--users <number>", "simulated shoppers", wholeNumber, 400)
    .option("--json", "print one JSON line");
  return withShopOptions(command).action(async flags => {
    const { json, products: limit, users, ...folders } = flags as Flags; // as commander parses them
    const signal = context.interruptible();
    const shops = chosenShops(folders, limit);
    const source = new PhotosSource({ shops, users: { numUsers: users } });
    const comparisons = await withProgress("features", async onProgress => {
      const interactions = (await source.likes()).map(like => ({ ...like, weight: 1 }));
      const products = await source.products();
      const features: NamedFeatures[] = [];
      for (const pack of [...bundledPacks].reverse()) {
        onProgress({ fraction: 0, stage: `encoding with ${pack}` });
        features.push(await featuresOf(pack, products, signal));
      }
      return compareFeatures(interactions, features, { signal, onProgress });
    });
    console.log(json ? JSON.stringify(comparisons) : tableOf(comparisons));
  });
}

async function featuresOf(
  pack: (typeof bundledPacks)[number],
  products: readonly ShopProduct[],
  signal: AbortSignal,
): Promise<NamedFeatures> {
  const clip = await ClipEncoder.load(await openModelPack(bundledPackFolder(pack)));
  try {
    const texts = await clip.encodeTexts(products.map(catalogueCaption));
    const images: Float32Array[] = [];
    for (let start = 0; start < products.length; start += BATCH) {
      signal.throwIfAborted();
      const batch = products.slice(start, start + BATCH);
      images.push(...(await clip.encodeImages(await Promise.all(batch.map(photoOf)))));
    }
    const entries = (vectors: readonly Float32Array[]) =>
      products.map(({ id: itemId }, n) => ({ itemId, vector: vectors[n] }));
    return { name: pack, visual: entries(images), textual: entries(texts) };
  } finally {
    await clip.dispose();
  }
}

async function photoOf({ imagePath }: ShopProduct): Promise<RgbImage> {
  const size = { widthPixels: DECODED_SIDE, heightPixels: DECODED_SIDE };
  return decodeRgb(await readLocal(imagePath), size);
}

function tableOf(comparisons: readonly FeatureComparison[]): string {
  return comparisons
    .map(({ ndcg10, tests, way }) => {
      const figures = Object.entries(ndcg10).map(([name, value]) => `${name} ${value.toFixed(4)}`);
      const differences = tests.map(
        ({ difference, interval, other, pValue, wilcoxonPValue }) =>
          `difference to ${other} ${difference.toFixed(4)} [${interval.map(end => end.toFixed(4)).join(", ")}], ` +
          `p ${pValue.toFixed(4)}, Wilcoxon ${wilcoxonPValue.toFixed(4)}`,
      );
      return `${way}: NDCG@10 ${[...figures, ...differences].join("; ")}`;
    })
    .join("\n");
}
