/**
 * @file The process that renders SVG: receives a drawing as a message, answers with a PNG or a reason. It does nothing
 * else, so it can be killed at any time; it kills itself when a drawing takes too much memory.
 */
import sharp from "sharp";
import type { SvgAnswer, SvgRequest } from "./svg-renderer.js";

sharp.concurrency(1);
sharp.cache(false);

/** SVGs have no size in pixels: the longer side gets this many unless it asks for more. */
const SIDE_PIXELS = 512;
/** Dots per inch at which one SVG unit is one pixel. */
const DENSITY = 72;

/** A drawing of 40 megapixels needs about 500 MiB; filters can ask for any amount. */
const MAX_MEMORY_MIB = 1_024;
const WATCH_MS = 20;

/** Ends the process when the drawing takes too much memory: it is drawn in another thread, which cannot be stopped. */
setInterval(() => {
  if (process.memoryUsage.rss() > MAX_MEMORY_MIB * 2 ** 20) {
    const reason = `drawing it took more than ${MAX_MEMORY_MIB} MiB`;
    const answer: SvgAnswer = { reason, isEnding: true };
    process.send?.(answer, undefined, undefined, () => process.kill(process.pid, "SIGKILL"));
  }
}, WATCH_MS).unref();

async function draw({ bytes, maxPixels }: SvgRequest): Promise<SvgAnswer> {
  const drawing = Buffer.from(bytes);
  const { width, height } = await sharp(drawing, { limitInputPixels: false }).metadata();
  if (width * height > maxPixels) {
    return { tooManyPixels: width * height };
  }
  const scale = Math.max(1, SIDE_PIXELS / Math.max(width, height));
  const options = { limitInputPixels: maxPixels, density: DENSITY * scale };
  const { data, info } = await sharp(drawing, options)
    .toColourspace("srgb")
    .png()
    .toBuffer({ resolveWithObject: true });
  return { png: data, widthPixels: info.width, heightPixels: info.height };
}

process.on("message", (request: SvgRequest) => {
  draw(request)
    .catch((error: unknown): SvgAnswer => ({ reason: String(error).split("\n")[0] }))
    .then(answer => process.send?.(answer))
    .catch(() => process.exit(1)); // the parent is gone
});
process.on("disconnect", () => process.exit(0));
