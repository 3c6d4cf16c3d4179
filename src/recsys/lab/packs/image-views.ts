/**
 * @file Features of images for the sticker classifier, cached: computing them takes minutes, and catalogue
 * images do not change.
 */
import { createHash } from "node:crypto";
import { type ArtefactStore } from "../../../db/artefact-store.js";
import { colorHistogram } from "../../../ml/metrics/color-histogram.js";
import { type MobilenetFeatures } from "../../../ml/metrics/mobilenet-features.js";
import { type RgbImage } from "../../../ml/nn/rgb-image.js";

/** The features that sticker-classifier.ts reads. */
export interface ImageView {
  /** MobileNetV2's last features, the content; `[1280]`. */
  semantic: Float32Array;
  /** Statistics of its inner layers, then colour shares: the style; `[1136 + 512]`. */
  style: Float32Array;
}

/** Images per cache file; an interrupted command loses no more. */
const VIEWS_PER_FILE = 250;
/** Increase when the same image gives other features. */
const VIEW_VERSION = 1;
const SEMANTIC_LENGTH = 1280;

export async function viewOf(features: MobilenetFeatures, image: RgbImage): Promise<ImageView> {
  const { semantic, texture } = await features.view(image);
  const colors = colorHistogram(image);
  const style = new Float32Array(texture.length + colors.length);
  style.set(texture);
  style.set(colors, texture.length);
  return { semantic, style };
}

export interface ViewsCache {
  store: Pick<ArtefactStore, "get" | "put">;
  /** Everything that determines the images and their features. */
  key: readonly string[];
  signal?: AbortSignal;
  onView?: (numDone: number) => void;
}

/** The features of `numImages` images, cached. @param viewOf Computes the features of image n, in turn. */
export async function loadViews(
  numImages: number,
  viewOf: (n: number) => Promise<ImageView>,
  { store, key, onView, signal }: ViewsCache,
): Promise<ImageView[]> {
  const hash = createHash("sha256").update(JSON.stringify([VIEW_VERSION, numImages, ...key]));
  const prefix = `cache/views/${hash.digest("hex").slice(0, 24)}`;
  const views: ImageView[] = [];
  while (views.length < numImages) {
    const length = Math.min(VIEWS_PER_FILE, numImages - views.length);
    const file = `${prefix}/${views.length}.f32`;
    const kept = await store.get(file);
    if (kept) {
      views.push(...decodeViews(kept, length));
    } else {
      const made: ImageView[] = [];
      while (made.length < length) {
        signal?.throwIfAborted();
        made.push(await viewOf(views.length + made.length));
        onView?.(views.length + made.length);
      }
      await store.put(file, encodeViews(made));
      views.push(...made);
    }
    onView?.(views.length);
  }
  return views;
}

function decodeViews(bytes: Uint8Array, length: number): ImageView[] {
  const numbers = new Float32Array(new Uint8Array(bytes).buffer);
  const size = numbers.length / length;
  return Array.from({ length }, (_, n) => ({
    semantic: numbers.slice(n * size, n * size + SEMANTIC_LENGTH),
    style: numbers.slice(n * size + SEMANTIC_LENGTH, (n + 1) * size),
  }));
}

function encodeViews(views: readonly ImageView[]): Uint8Array {
  const parts = views.flatMap(({ semantic, style }) => [semantic, style]);
  const bytes = parts.map(part => new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return Buffer.concat(bytes);
}
