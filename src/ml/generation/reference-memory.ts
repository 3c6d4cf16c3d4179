/**
 * @file What a pack remembers of the pictures that it learned from: one drawing of each thing, found by the words of a prompt,
 * for a U-Net that redraws a reference. So a picture can be made of words alone by a model too small to know every thing.
 *
 * W. Chen et al., "Re-Imagen: Retrieval-Augmented Text-to-Image Generator", 2022, section 3.1; the neighbour is found in
 * CLIP's space as in S. Sheynin et al., "KNN-Diffusion", 2022. https://arxiv.org/abs/2209.14491,
 * https://arxiv.org/abs/2204.02849
 *
 * `memory/memory.safetensors`: `embeddings` `[M, P, E]`, CLIP's of prompts for each drawing (its title alone, and with every
 * style's words: a small CLIP heeds the style as much as the thing), of unit length; `latents` `[M, C, h, w]`, whole numbers to be
 * multiplied by their channel's `scales` `[C]`: latents as the autoencoder gives them; `extents` `[P]`, if there: to how many pixels on
 * its longer side a drawing is to be fitted for each prompt, since styles differ in that too.
 *
 * Shapes: M drawings, P prompts of each, E dimension of CLIP's space, C x h x w latents.
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
  /** As the autoencoder gives them; `[C, h, w]`. */
  latents: Float32Array;
  /** How large it is to be for the prompt, in pixels of the longer side; null: as it is. */
  extentPixels: number | null;
}

export class ReferenceMemory {
  private constructor(
    private readonly clip: ClipEncoder,
    private readonly stored: {
      embeddings: StoredTensor;
      latents: StoredTensor;
      scales: StoredTensor;
      extents?: StoredTensor;
    },
  ) {}

  /** @throws AppError as `ClipEncoder.load`; `FILE_MALFORMED` when the file does not hold what it must. */
  static async load(
    pack: ModelPack,
    config: PipelineConfig,
    options: OnnxOptions = {},
  ): Promise<ReferenceMemory> {
    const path = pack.path(FILE);
    const { embeddings, extents, latents, scales } = (await loadSafetensors(path)).tensors;
    const clip = await ClipEncoder.load(pack, options);
    const { latentChannels, latentHeight, latentWidth } = config;
    const [numDrawings = 0, numPrompts = 0] = embeddings?.shape ?? [];
    const fits =
      numDrawings * numPrompts > 0 &&
      isShaped(embeddings, [numDrawings, numPrompts, clip.dimension]) &&
      isShaped(latents, [numDrawings, latentChannels, latentHeight, latentWidth]) &&
      isShaped(scales, [latentChannels]) &&
      (extents === undefined || isShaped(extents, [numPrompts]));
    if (!fits) {
      await clip.dispose();
      throw new AppError("FILE_MALFORMED", {
        path,
        expected: "embeddings, latents, scales and extents of drawings, of the sizes of the pack",
        reason: "they are missing, or of other sizes",
      });
    }
    return new ReferenceMemory(clip, { embeddings, latents, scales, extents });
  }

  /** The drawing one of whose prompts is nearest to `prompt`. */
  async recall(prompt: string): Promise<Recalled> {
    const { embeddings, extents, latents, scales } = this.stored;
    const [query] = await this.clip.encodeTexts([prompt]);
    const [numDrawings, numPrompts, dimension] = embeddings.shape;
    const all = embeddings.values as Float32Array;
    const likeness = Array.from({ length: numDrawings * numPrompts }, (_, i) =>
      dot(query, all.subarray(i * dimension, (i + 1) * dimension)),
    );
    const best = likeness.reduce((most, x, i) => (x > likeness[most] ? i : most), 0);
    const nearest = Math.floor(best / numPrompts);
    const size = latents.values.length / numDrawings;
    const numScales = scales.values.length;
    const own = Float32Array.from({ length: size }, (_, i) => {
      const scale = scales.values[Math.floor((i * numScales) / size)];
      return latents.values[nearest * size + i] * scale;
    });
    return { latents: own, extentPixels: extents?.values[best % numPrompts] ?? null };
  }

  dispose(): Promise<void> {
    return this.clip.dispose();
  }
}

function isShaped(tensor: StoredTensor | undefined, shape: readonly number[]): boolean {
  return String(tensor?.shape) === String(shape);
}
