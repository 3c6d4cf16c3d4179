/**
 * @file The exemplar bank: latents of training images by object, retrieved with a prompt's CLIP embedding, for a U-Net
 * that reads a reference. It lets a model that is too small to know every object generate from text.
 *
 * W. Chen et al., "Re-Imagen: Retrieval-Augmented Text-to-Image Generator", 2022, section 3.1; neighbours in CLIP's
 * space as in S. Sheynin et al., "KNN-Diffusion", 2022. https://arxiv.org/abs/2209.14491,
 * https://arxiv.org/abs/2204.02849
 *
 * `memory/memory.safetensors` holds:
 * - `embeddings` `[N, P, E]`: unit CLIP embeddings of each object's prompts (its title alone, then with each style's
 *   words, since a small CLIP weighs the style as much as the object);
 * - `latents` `[M, C, h, w]`: integers, to be multiplied by their channel's `scales` `[C]`; then unscaled latents of the
 *   autoencoder;
 * - `things` `[M]`, optional: the object of each exemplar, preferred ones first; without it M = N;
 * - `extents` `[P]`, optional: the longer side in pixels to which an exemplar is fitted for each prompt, since styles
 *   differ in it.
 *
 * Shapes: N objects, M exemplars, P prompts per object, E dimension of CLIP's space, C x h x w latents.
 */
import { AppError } from "../../errors/app-error.js";
import { ClipEncoder } from "../clip/clip-encoder.js";
import { dot } from "../nn/cosine.js";
import type { StoredTensor } from "../nn/safetensors.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { loadSafetensors } from "../runtime/safetensors-file.js";
import { type PipelineConfig } from "./pipeline-config.js";

const FILE = "memory/memory.safetensors";

export interface Recalled {
  /** Exemplars of the object, the preferred one first, as unscaled latents; each `[C, h, w]`. */
  drawings: Float32Array[];
  /** Longer side of the object for the prompt's style, in pixels; null: unchanged. */
  extentPixels: number | null;
  /** Index of the style that the prompt names, 0 … P - 2; null: none. */
  style: number | null;
}

export class ExemplarBank {
  private constructor(
    private readonly clip: ClipEncoder,
    private readonly stored: {
      embeddings: StoredTensor;
      latents: StoredTensor;
      scales: StoredTensor;
      objects?: StoredTensor;
      extents?: StoredTensor;
    },
  ) {}

  /** @throws AppError as `ClipEncoder.load`; `FILE_MALFORMED` for missing or misshapen tensors. */
  static async load(
    pack: ModelPack,
    config: PipelineConfig,
    options: OnnxOptions = {},
  ): Promise<ExemplarBank> {
    const path = pack.path(FILE);
    const { tensors } = await loadSafetensors(path);
    const { embeddings, extents, latents, scales, things: objects } = tensors;
    const clip = await ClipEncoder.load(pack, options);
    const { latentChannels, latentHeight, latentWidth } = config;
    const [numObjects = 0, numPrompts = 0] = embeddings?.shape ?? [];
    const numDrawings = objects ? objects.values.length : numObjects;
    const fits =
      numObjects * numPrompts > 0 &&
      isShaped(embeddings, [numObjects, numPrompts, clip.dimension]) &&
      isShaped(latents, [numDrawings, latentChannels, latentHeight, latentWidth]) &&
      isShaped(scales, [latentChannels]) &&
      (objects === undefined || namesEach(objects, numObjects)) &&
      (extents === undefined || isShaped(extents, [numPrompts]));
    if (!fits) {
      await clip.dispose();
      throw new AppError("FILE_MALFORMED", {
        path,
        expected: "embeddings, latents, scales, things and extents, of the sizes of the pack",
        reason: "they are missing or have other sizes",
      });
    }
    return new ExemplarBank(clip, { embeddings, extents, latents, scales, objects });
  }

  /** Number of styles. */
  get numStyles(): number {
    return this.stored.embeddings.shape[1] - 1;
  }

  /** The exemplars of the object with the prompt nearest to `prompt`. */
  async recall(prompt: string): Promise<Recalled> {
    const { embeddings, extents, objects } = this.stored;
    const [query] = await this.clip.encodeTexts([prompt]);
    const [numObjects, numPrompts, dimension] = embeddings.shape;
    const all = embeddings.values as Float32Array;
    const likeness = Array.from({ length: numObjects * numPrompts }, (_, i) =>
      dot(query, all.subarray(i * dimension, (i + 1) * dimension)),
    );
    const best = likeness.reduce((most, x, i) => (x > likeness[most] ? i : most), 0);
    const [object, named] = [Math.floor(best / numPrompts), best % numPrompts];
    const places = objects
      ? [...objects.values.keys()].filter(place => objects.values[place] === object)
      : [object];
    return {
      drawings: places.map(place => this.drawing(place)),
      extentPixels: extents?.values[named] ?? null,
      style: named > 0 ? named - 1 : null,
    };
  }

  private drawing(place: number): Float32Array {
    const { latents, scales } = this.stored;
    const size = latents.values.length / latents.shape[0];
    const plane = size / scales.values.length;
    return Float32Array.from({ length: size }, (_, i) => {
      return latents.values[place * size + i] * scales.values[Math.floor(i / plane)];
    });
  }

  dispose(): Promise<void> {
    return this.clip.dispose();
  }
}

/** Whether the values are 0 … `count` - 1, each at least once. */
function namesEach({ values }: StoredTensor, count: number): boolean {
  const named = new Set<number>(values);
  return named.size === count && [...named].every(n => n >= 0 && n < count);
}

function isShaped(tensor: StoredTensor | undefined, shape: readonly number[]): boolean {
  return String(tensor?.shape) === String(shape);
}
