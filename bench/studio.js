/**
 * The studio generator: seconds for the network, the mask, the photograph taken apart, and one candidate of each kind, beside sharp
 * laying a cut-out on a plain colour: the least that any composition costs. One thread.
 * `npm run bench -- studio [--data FOLDER_OF_PHOTOGRAPHS] [--candidates 3]`
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import sharp from "sharp";
import { decodeRgb } from "../dist/db/image-codec.js";
import { Random } from "../dist/ml/nn/random.js";
import { openModelPack } from "../dist/ml/runtime/model-pack.js";
import { refinedAlpha, workMask } from "../dist/ml/studio/refine-mask.js";
import { SaliencyNet } from "../dist/ml/studio/saliency-net.js";
import { prepareStage, StudioRenderer } from "../dist/ml/studio/studio-renderer.js";

const SIDE = 1_024;
const colour = [0.72, 0.02, 0.05];
const base = { texture: "WOOD", colour, light: 0.5, depth: 0.6, scale: 1, scene: 0 };
const settings = {
  restage: { ...base, kind: "RESTAGE" },
  studio: { ...base, kind: "STUDIO" },
  "surface (wood)": { ...base, kind: "SURFACE" },
};

/** A red disc on light grey, or the first photograph of a folder. */
async function photograph(folder) {
  if (folder) {
    const [first] = readdirSync(folder).filter(name => /\.(jpe?g|png)$/i.test(name));
    const fit = { width: SIDE, height: SIDE, fit: "fill" };
    return decodeRgb(
      await sharp(readFileSync(join(folder, first)))
        .resize(fit)
        .png()
        .toBuffer(),
    );
  }
  const random = new Random(1);
  const pixels = new Uint8Array(3 * SIDE * SIDE);
  for (let at = 0; at < SIDE * SIDE; at++) {
    const far = Math.hypot((at % SIDE) - SIDE / 2, Math.floor(at / SIDE) - SIDE / 2);
    const own = far < SIDE / 4 ? [180, 40, 40] : [236, 234, 230];
    own.forEach((value, c) => {
      pixels[3 * at + c] = value + random.int(4);
    });
  }
  return { widthPixels: SIDE, heightPixels: SIDE, pixels };
}

/** The fastest of some runs, in ms: other work only slows. */
async function fastest(count, work) {
  let best = Infinity;
  let value;
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    value = await work();
    best = Math.min(best, performance.now() - began);
  }
  return [value, best];
}

function sharpComposite({ heightPixels: height, pixels, widthPixels: width }, alpha) {
  const raw = channels => ({ raw: { width, height, channels } });
  return sharp(pixels, raw(3))
    .joinChannel(Buffer.from(alpha), raw(1))
    .flatten({ background: "#c8a078" })
    .raw()
    .toBuffer();
}

export async function run({ data, candidates = "3" }) {
  const count = Number(candidates);
  const image = await photograph(data);
  const megapixels = (image.widthPixels * image.heightPixels) / 1e6;
  const net = await SaliencyNet.load(await openModelPack("models/studio"), { numThreads: 1 });
  const rows = {};
  let map, alpha, stage;
  [map, rows["mask: network"]] = await fastest(count, () => net.run(image));
  [alpha, rows["mask: refinement"]] = await fastest(count, () =>
    refinedAlpha(image, workMask(image, map)),
  );
  [stage, rows.prepare] = await fastest(count, () => prepareStage(image, alpha));
  const renderer = new StudioRenderer();
  for (const [name, setting] of Object.entries(settings)) {
    renderer.draw(stage, setting, 1); // makes the material's tile
    [, rows[name]] = await fastest(count, () => renderer.draw(stage, setting, 1));
  }
  [, rows["sharp, plain colour"]] = await fastest(count, () => sharpComposite(image, alpha));
  await net.dispose();
  const alternative = rows["sharp, plain colour"];
  console.table(
    Object.entries(rows).map(([step, ms]) => ({
      step,
      ms: Math.round(ms),
      "ms per megapixel": Math.round(ms / megapixels),
      "times sharp": Number((ms / alternative).toFixed(1)),
    })),
  );
  const memoryMiB = Math.round(process.resourceUsage().maxRSS / 1_024);
  console.log(`greatest memory: ${memoryMiB} MiB`);
  return { megapixels, ms: rows, memoryMiB };
}
