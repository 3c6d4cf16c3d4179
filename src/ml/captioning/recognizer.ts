/**
 * @file Captions of images by what is recognised in them: the kind of thing and its colour, zero-shot, in a template.
 *
 * A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021, section 3.1: the
 * label whose text is nearest to the image. `recognition.json` of a pack has the labels and the template.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { type ClipEncoder } from "../clip/clip-encoder.js";
import { dot } from "../nn/cosine.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";

const FILE = "recognition.json";

const labelsSchema = z.looseObject({
  /** With `{colour}` and `{kind}`. */
  template: z.string(),
  kinds: z.array(z.string()).min(1),
  colours: z.array(z.string()).min(1),
});

type Labels = z.infer<typeof labelsSchema>;

export interface Recognized {
  kind: string;
  colour: string;
}

export class Recognizer {
  private constructor(
    private readonly clip: Pick<ClipEncoder, "encodeImages">,
    private readonly labels: Labels,
    private readonly kinds: readonly Float32Array[],
    private readonly colours: readonly Float32Array[],
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`. */
  static async load(
    pack: ModelPack,
    clip: Pick<ClipEncoder, "encodeImages" | "encodeTexts">,
  ): Promise<Recognizer> {
    const labels = await pack.readJson(FILE, labelsSchema);
    const kinds = await clip.encodeTexts(labels.kinds.map(kind => `a photo of a ${kind}`));
    const colours = await clip.encodeTexts(labels.colours.map(colour => `a ${colour} product`));
    return new Recognizer(clip, labels, kinds, colours);
  }

  /** Kind and colour of each image. */
  async recognize(images: readonly RgbImage[]): Promise<Recognized[]> {
    const embeddings = await this.clip.encodeImages(images);
    return embeddings.map(embedding => ({
      kind: this.labels.kinds[nearest(embedding, this.kinds)],
      colour: this.labels.colours[nearest(embedding, this.colours)],
    }));
  }

  /** A sentence for each image, such as "a photo of a blue jacket". */
  async caption(images: readonly RgbImage[]): Promise<string[]> {
    const recognized = await this.recognize(images);
    return recognized.map(({ colour, kind }) =>
      this.labels.template.replace("{colour}", colour).replace("{kind}", kind),
    );
  }
}

/** Name and version of a pack's recogniser, known without loading it; null for a pack without one. */
export async function recognizerOf(
  pack: ModelPack,
): Promise<{ name: string; version: string } | null> {
  if (!pack.hasFile(FILE)) {
    return null;
  }
  const labels = JSON.stringify(await pack.readJson(FILE, labelsSchema));
  const hash = createHash("sha256").update(labels).digest("hex").slice(0, 8);
  return { name: `${pack.name}/recognition`, version: `${pack.versionOf("clip")}+${hash}` };
}

function nearest(embedding: Float32Array, labels: readonly Float32Array[]): number {
  const similarities = labels.map(label => dot(embedding, label));
  return similarities.indexOf(Math.max(...similarities));
}
