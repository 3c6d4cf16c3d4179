/**
 * @file For a prompt without an image: retrieves the pack's exemplars, fitted to the size of the prompt's style, and
 * scores the samples made from them.
 *
 * Shapes: C x h x w latents.
 */
import { LRUCache } from "lru-cache";
import { fittedImage } from "../nn/fitted-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { type Autoencoder } from "./autoencoder.js";
import { ExemplarBank } from "./exemplar-bank.js";
import { type PipelineConfig } from "./pipeline-config.js";
import { StyleClassifier } from "./style-classifier.js";

/** Prompts whose fitted exemplars are cached, about 25 kB each: the same prompt often repeats. */
const MAX_KEPT = 64;

export interface RetrievedExemplars {
  /** Each is redrawn separately; `[C, h, w]`, unscaled. */
  references: Float32Array[];
  /** Scores how well samples match the prompt's style; `[B, C, h, w]`, scaled, `-> [B]`. Null: one reference, no choice. */
  classify: ((latents: Float32Array) => Promise<number[]>) | null;
}

export class ExemplarRetriever {
  private readonly kept = new LRUCache<string, RetrievedExemplars>({ max: MAX_KEPT });

  private constructor(
    private readonly bank: ExemplarBank,
    /** Null in packs with one exemplar per object. */
    private readonly classifier: StyleClassifier | null,
    private readonly autoencoder: Autoencoder,
  ) {}

  /** @throws AppError as `ExemplarBank.load` and `StyleClassifier.load`. */
  static async load(
    pack: ModelPack,
    config: PipelineConfig,
    autoencoder: Autoencoder,
    options: OnnxOptions = {},
  ): Promise<ExemplarRetriever> {
    const bank = await ExemplarBank.load(pack, config, options);
    try {
      const classifier = pack.has("style_classifier")
        ? await StyleClassifier.load(pack, config, bank.numStyles, options)
        : null;
      return new ExemplarRetriever(bank, classifier, autoencoder);
    } catch (error) {
      await bank.dispose();
      throw error;
    }
  }

  /** The exemplars for a prompt; only the preferred one where the prompt names no style. */
  async retrieve(prompt: string): Promise<RetrievedExemplars> {
    const retrieved = this.kept.get(prompt) ?? (await this.fitExemplars(prompt));
    this.kept.set(prompt, retrieved);
    return retrieved;
  }

  async dispose(): Promise<void> {
    await Promise.all([this.bank.dispose(), this.classifier?.dispose()]);
  }

  private async fitExemplars(prompt: string): Promise<RetrievedExemplars> {
    const { classifier } = this;
    const { drawings, extentPixels, style } = await this.bank.recall(prompt);
    const canChoose = classifier !== null && style !== null && drawings.length > 1;
    const references: Float32Array[] = [];
    for (const drawing of canChoose ? drawings : drawings.slice(0, 1)) {
      references.push(
        extentPixels === null ? drawing : await this.fitLatents(drawing, extentPixels),
      );
    }
    const classify = canChoose
      ? (latents: Float32Array) =>
          classifier.logProbabilities(this.autoencoder.unscaled(latents), style)
      : null;
    return { references, classify };
  }

  /** An exemplar's latents, fitted to a size; `[C, h, w]`, both unscaled. */
  private async fitLatents(latents: Float32Array, extentPixels: number): Promise<Float32Array> {
    const [drawing] = await this.autoencoder.decode(this.autoencoder.scaled(latents));
    const fitted = await this.autoencoder.encode(fittedImage(drawing, extentPixels));
    return this.autoencoder.unscaled(fitted);
  }
}
