/**
 * @file Encodes the denoiser's conditions without loading the denoiser: E^key of texts, and the image tokens of a
 * preference.
 *
 * The personalizer (Eq. 8 and 9) reads these; the render threads have their own copies of both small models.
 */
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { type Conditioning } from "./conditioning.js";
import { ImageProjection } from "./image-projection.js";
import { TextConditioner } from "./text-conditioner.js";

export class ConditionEncoder {
  private constructor(
    private readonly text: TextConditioner,
    private readonly image: ImageProjection | null,
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`, `FILE_MALFORMED`. */
  static async load(pack: ModelPack, options: OnnxOptions = {}): Promise<ConditionEncoder> {
    const text = await TextConditioner.load(pack, options);
    const image = pack.has("image_projection") ? await ImageProjection.load(pack, options) : null;
    return new ConditionEncoder(text, image);
  }

  /** E^key of each text; `[T, D]`. */
  encodeTexts(texts: readonly string[]): Promise<Conditioning[]> {
    return this.text.encode(texts);
  }

  /** The tokens of a CLIP image embedding such as P^ret; `[Dclip] -> [Timg, D]`. Null for a pack without image projection. */
  async projectImage(embedding: Float32Array): Promise<Conditioning | null> {
    return this.image?.project(embedding) ?? null;
  }

  async dispose(): Promise<void> {
    await Promise.all([this.text.dispose(), this.image?.dispose()]);
  }
}
