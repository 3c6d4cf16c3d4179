/**
 * @file What a prompt without a picture is drawn from: the drawings of the pack's memory, as large as the style draws that the prompt names,
 * and which of the drafts made of them is to be kept.
 *
 * Shapes: C x h x w latents.
 */
import { LRUCache } from "lru-cache";
import { fittedImage } from "../nn/fitted-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { type Autoencoder } from "./autoencoder.js";
import { ReferenceMemory } from "./exemplar-bank.js";
import { type PipelineConfig } from "./pipeline-config.js";
import { StyleClassifier } from "./style-classifier.js";

/** Prompts whose drawings are kept fitted, at some 25 kB each: who asks for a picture often asks for another. */
const MAX_KEPT = 64;

export interface Recollected {
  /** To be redrawn, each by itself; `[C, h, w]`, unscaled. */
  references: Float32Array[];
  /** How well drafts meet the prompt's style; `[B, C, h, w]`, scaled, `-> [B]`. Null: there is nothing to choose by, and one reference. */
  judge: ((latents: Float32Array) => Promise<number[]>) | null;
}

export class Recollection {
  private readonly kept = new LRUCache<string, Recollected>({ max: MAX_KEPT });

  private constructor(
    private readonly memory: ReferenceMemory,
    /** Absent from packs that remember one drawing of each thing. */
    private readonly classifier: StyleClassifier | null,
    private readonly autoencoder: Autoencoder,
  ) {}

  /** @throws AppError as `ReferenceMemory.load` and `StyleClassifier.load`. */
  static async load(
    pack: ModelPack,
    config: PipelineConfig,
    autoencoder: Autoencoder,
    options: OnnxOptions = {},
  ): Promise<Recollection> {
    const memory = await ReferenceMemory.load(pack, config, options);
    try {
      const classifier = pack.has("style_classifier")
        ? await StyleClassifier.load(pack, config, memory.numStyles, options)
        : null;
      return new Recollection(memory, classifier, autoencoder);
    } catch (error) {
      await memory.dispose();
      throw error;
    }
  }

  /** The drawings of what a prompt names; the preferred one alone where no style is named to choose by. */
  async recollect(prompt: string): Promise<Recollected> {
    const recollected = this.kept.get(prompt) ?? (await this.fittedFor(prompt));
    this.kept.set(prompt, recollected);
    return recollected;
  }

  async dispose(): Promise<void> {
    await Promise.all([this.memory.dispose(), this.classifier?.dispose()]);
  }

  private async fittedFor(prompt: string): Promise<Recollected> {
    const { classifier } = this;
    const { drawings, extentPixels, style } = await this.memory.recall(prompt);
    const canChoose = classifier !== null && style !== null && drawings.length > 1;
    const references: Float32Array[] = [];
    for (const drawing of canChoose ? drawings : drawings.slice(0, 1)) {
      references.push(extentPixels === null ? drawing : await this.fitted(drawing, extentPixels));
    }
    const judge = canChoose
      ? (latents: Float32Array) =>
          classifier.logProbabilities(this.autoencoder.unscaled(latents), style)
      : null;
    return { references, judge };
  }

  /** A drawing's latents, fitted to a size; `[C, h, w]`, both unscaled. */
  private async fitted(latents: Float32Array, extentPixels: number): Promise<Float32Array> {
    const [drawing] = await this.autoencoder.decode(this.autoencoder.scaled(latents));
    const fitted = await this.autoencoder.encode(fittedImage(drawing, extentPixels));
    return this.autoencoder.unscaled(fitted);
  }
}
