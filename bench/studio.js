/**
 * The studio generator: CPU time for the network, the mask, the photograph taken apart, and one candidate of each kind, beside sharp
 * laying a cut-out on a plain colour: the least that any composition costs. One thread; CPU time, so that other work does not count.
 * Then the mask's filters against what they were before they were made faster, with the same values.
 * `npm run bench -- studio [--data FOLDER_OF_PHOTOGRAPHS] [--candidates 3]`
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { decodeRgb } from "../dist/db/image-codec.js";
import { Random } from "../dist/ml/nn/random.js";
import { openModelPack } from "../dist/ml/runtime/model-pack.js";
import { dilated, eroded } from "../dist/ml/studio/box-filter.js";
import { guidedCoefficients } from "../dist/ml/studio/guided-filter.js";
import { maskFaultOf } from "../dist/ml/studio/mask-faults.js";
import { refinedAlpha, workMask } from "../dist/ml/studio/refine-mask.js";
import { SaliencyNet } from "../dist/ml/studio/saliency-net.js";
import { withSecondLook } from "../dist/ml/studio/second-look.js";
import { prepareStage, StudioRenderer } from "../dist/ml/studio/studio-renderer.js";
import { formerDilated, formerEroded, formerGuidedCoefficients } from "./support/former-masking.js";

const SIDE = 1_024;
/** Of a mask and a candidate, at {@link SIDE}. */
const LIMIT_MS = 1_500;
const colour = [0.72, 0.02, 0.05];
const base = { texture: "WOOD", colour, light: 0.5, depth: 0.6, scale: 1, scene: 0 };
const settings = {
  restage: { ...base, kind: "RESTAGE" },
  studio: { ...base, kind: "STUDIO" },
  "surface (wood)": { ...base, kind: "SURFACE" },
};

/** A red disc on light grey and one on boards, where the network looks twice; or the first photograph of a folder. */
async function photographs(folder) {
  if (folder) {
    const [first] = readdirSync(folder).filter(name => /\.(jpe?g|png)$/i.test(name));
    const fit = { width: SIDE, height: SIDE, fit: "fill" };
    const resized = sharp(readFileSync(join(folder, first))).resize(fit);
    return { [first]: await decodeRgb(await resized.png().toBuffer()) };
  }
  const board = x => (Math.floor(x / 50) % 2 === 0 ? [90, 70, 60] : [150, 120, 100]);
  return { "plain backdrop": discOn(() => [236, 234, 230]), boards: discOn(board) };
}

function discOn(backdrop) {
  const random = new Random(1);
  const pixels = new Uint8Array(3 * SIDE * SIDE);
  for (let at = 0; at < SIDE * SIDE; at++) {
    const far = Math.hypot((at % SIDE) - SIDE / 2, Math.floor(at / SIDE) - SIDE / 2);
    const own = far < SIDE / 4 ? [180, 40, 40] : backdrop(at % SIDE);
    own.forEach((value, c) => {
      pixels[3 * at + c] = value + random.int(4);
    });
  }
  return { widthPixels: SIDE, heightPixels: SIDE, pixels };
}

/** CPU time of the fastest of some runs, in ms: other work only slows. */
async function fastest(count, work) {
  let best = Infinity;
  let value;
  for (let n = 0; n < count; n++) {
    const before = process.cpuUsage();
    value = await work();
    const { system, user } = process.cpuUsage(before);
    best = Math.min(best, (system + user) / 1_000);
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

/** The mask as `SubjectMasker` makes it: a second look only where the backdrop is not plain. */
async function masked(net, image, count, rows) {
  let map, mirrored, work, mask;
  [map, rows["mask: network"]] = await fastest(count, () => net.run(image));
  [work, rows["mask: colours"]] = await fastest(count, () => workMask(image, map));
  mask = work;
  if (!work.evidence) {
    [mirrored, rows["mask: second look"]] = await fastest(count, () => net.run(image, true));
    const [joined, ms] = await fastest(count, () => withSecondLook(work, mirrored));
    mask = joined;
    rows["mask: second look"] += ms;
  }
  [, rows["mask: faults"]] = await fastest(count, () => maskFaultOf(mask, image));
  return { mask, work };
}

/** @throws Error when a filter no longer gives the former values. */
async function filtersAgainstFormer({ extent, pixels, subject }, count) {
  const guide = pixels.map(code => code / 255);
  const inside = Uint8Array.from(subject, share => (share > 0.5 ? 1 : 0));
  const options = { radius: 13, epsilon: 2e-3 };
  const pairs = {
    "guided filter": [
      () => guidedCoefficients(guide, subject, extent, options),
      () => formerGuidedCoefficients(guide, subject, extent, options),
    ],
    dilation: [() => dilated(inside, extent, 8), () => formerDilated(inside, extent, 8)],
    erosion: [() => eroded(inside, extent, 8), () => formerEroded(inside, extent, 8)],
  };
  const rows = [];
  for (const [filter, [now, former]] of Object.entries(pairs)) {
    const [values, ms] = await fastest(count + 5, now);
    const [expected, formerMs] = await fastest(count + 5, former);
    if (values.some((value, at) => value !== expected[at])) {
      throw new Error(`${filter}: the values are no longer the former ones`);
    }
    const ratio = Number((formerMs / ms).toFixed(1));
    rows.push({
      filter,
      ms: Number(ms.toFixed(1)),
      "former ms": Number(formerMs.toFixed(1)),
      ratio,
    });
  }
  return rows;
}

export async function run({ data, candidates = "3" }) {
  const count = Number(candidates);
  const net = await SaliencyNet.load(await openModelPack("models/studio"), { numThreads: 1 });
  const images = {};
  for (const [name, image] of Object.entries(await photographs(data))) {
    images[name] = await measured(net, image, count);
    console.log(name);
    console.table(images[name].table);
    const { firstMs } = images[name];
    const share = (firstMs / LIMIT_MS).toFixed(2);
    console.log(
      `first candidate: ${Math.round(firstMs)} ms, ${share} of the limit of ${LIMIT_MS} ms`,
    );
    images[name].filters = await filtersAgainstFormer(images[name].work, count);
    console.table(images[name].filters);
  }
  await net.dispose();
  const memoryMiB = Math.round(process.resourceUsage().maxRSS / 1_024);
  console.log(`greatest memory: ${memoryMiB} MiB`);
  const kept = Object.entries(images).map(([name, { filters, firstMs, ms }]) => [
    name,
    { ms, firstMs, filters },
  ]);
  return { megapixels: (SIDE * SIDE) / 1e6, images: Object.fromEntries(kept), memoryMiB };
}

async function measured(net, image, count) {
  const megapixels = (image.widthPixels * image.heightPixels) / 1e6;
  const rows = {};
  const { mask, work } = await masked(net, image, count, rows);
  let alpha, stage;
  [alpha, rows["mask: edges"]] = await fastest(count, () => refinedAlpha(image, mask));
  [stage, rows.prepare] = await fastest(count, () => prepareStage(image, alpha));
  const onceMs = Object.values(rows).reduce((sum, ms) => sum + ms, 0);
  const renderer = new StudioRenderer();
  for (const [name, setting] of Object.entries(settings)) {
    renderer.draw(stage, setting, 1); // makes the material's tile
    [, rows[name]] = await fastest(count, () => renderer.draw(stage, setting, 1));
  }
  const firstMs = onceMs + Math.max(...Object.keys(settings).map(name => rows[name]));
  [, rows["sharp, plain colour"]] = await fastest(count, () => sharpComposite(image, alpha));
  const alternative = rows["sharp, plain colour"];
  const table = Object.entries(rows).map(([step, ms]) => ({
    step,
    ms: Math.round(ms),
    "ms per megapixel": Math.round(ms / megapixels),
    "times sharp": Number((ms / alternative).toFixed(1)),
  }));
  return { table, firstMs, work, ms: rows };
}
