/**
 * @file What a pack remembers of the pictures that it learned from: drawings of each thing, found by the words of a prompt,
 * for a U-Net that redraws a reference. So a picture can be made of words alone by a model too small to know every thing.
 *
 * W. Chen et al., "Re-Imagen: Retrieval-Augmented Text-to-Image Generator", 2022, section 3.1; the neighbour is found in
 * CLIP's space as in S. Sheynin et al., "KNN-Diffusion", 2022. https://arxiv.org/abs/2209.14491,
 * https://arxiv.org/abs/2204.02849
 *
 * `memory/memory.safetensors`: `embeddings` `[N, P, E]`, CLIP's of prompts for each thing (its title alone, and with every
 * style's words: a small CLIP heeds the style as much as the thing), of unit length; `latents` `[M, C, h, w]`, whole numbers to be
 * multiplied by their channel's `scales` `[C]`: latents as the autoencoder gives them; `things` `[M]`, if there: the thing that each
 * drawing shows, a thing's first drawing being the one to be preferred; without it M = N, one for each; `extents` `[P]`, if there: to how many
 * pixels on its longer side a drawing is to be fitted for each prompt, since styles differ in that too.
 *
 * Shapes: N things, M drawings, P prompts of each thing, E dimension of CLIP's space, C x h x w latents.
 */
import { AppError } from "../../errors/app-error.js";
import { ClipEncoder } from "../clip/clip-encoder.js";
import { dot } from "../nn/cosine.js";
import { loadSafetensors, type StoredTensor } from "../nn/safetensors.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { type PipelineConfig } from "./pipeline-config.js";

const FILE = "memory/memory.safetensors";

export interface Recalled {
  /** Drawings of the thing, the preferred one first, as the autoencoder gives them; each `[C, h, w]`. */
  drawings: Float32Array[];
  /** How large they are to be for the prompt, in pixels of the longer side; null: as they are. */
  extentPixels: number | null;
  /** Which of the styles the prompt names, 0 … P - 2; null: none. */
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

  /** @throws AppError as `ClipEncoder.load`; `FILE_MALFORMED` when the file does not hold what it must. */
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
        reason: "they are missing, or of other sizes",
      });
    }
    return new ExemplarBank(clip, { embeddings, extents, latents, scales, objects });
  }

  /** How many styles prompts are told apart by. */
  get numStyles(): number {
    return this.stored.embeddings.shape[1] - 1;
  }

  /** The drawings of the thing one of whose prompts is nearest to `prompt`. */
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
