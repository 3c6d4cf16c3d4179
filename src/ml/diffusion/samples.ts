/**
 * @file The drafts of a request: what is drawn for each picture that is asked for, and which of it is kept.
 *
 * Shapes: B pictures, R drafts of each, C x h x w latents.
 */
import { seedFrom } from "../nn/random.js";
import { type Recollected } from "./exemplar-retriever.js";
import { type CompleteRequest } from "./generate-request.js";

/** What pictures are redrawn from. */
export interface Source {
  /** What a run starts from where it does not start afresh; `[C, h, w]`, scaled. */
  original: Float32Array | null;
  /** One, or several to choose among; `[C, h, w]`, unscaled; null: nothing. */
  references: (Float32Array | null)[];
  /** How well drafts meet what is wanted; null: there is one reference, and one draft. */
  judge: Recollected["judge"];
}

/** A picture being made: the place of its condition among those asked for, the reference it is made from, and the seed of its noise. */
export interface Draft {
  picture: number;
  reference: Float32Array | null;
  noiseSeed: number;
}

/** All drafts of a request, picture by picture; the references of one noise follow each other. */
export function draftsOf(
  request: Pick<CompleteRequest, "numDrafts" | "numImages" | "seed" | "sharesNoise">,
  { judge, references }: Pick<Source, "judge" | "references">,
): Draft[] {
  const { numDrafts, numImages, seed, sharesNoise } = request;
  const noises = Array.from({ length: judge ? numDrafts : 1 }, (_, draft) => draft);
  return Array.from({ length: numImages }, (_, picture) => {
    const place = sharesNoise ? 0 : picture;
    return noises.flatMap(draft => {
      const noiseSeed = draft === 0 ? seedFrom(seed, place) : seedFrom(seed, place, draft);
      return references.map(reference => ({ picture, reference, noiseSeed }));
    });
  }).flat();
}

/** Of each picture's drafts the best, the first of equals; `[B R, C, h, w] -> [B, C, h, w]`. */
export async function bestOf(
  drafts: Float32Array,
  { judge }: Pick<Source, "judge">,
  B: number,
): Promise<Float32Array> {
  if (!judge) {
    return drafts;
  }
  const ofPicture = drafts.length / B;
  const kept: Float32Array[] = [];
  // A picture's alone at a time: that bounds the classifier's memory.
  for (let start = 0; start < drafts.length; start += ofPicture) {
    const own = drafts.subarray(start, start + ofPicture);
    const scores = await judge(own);
    const size = ofPicture / scores.length;
    const place = scores.indexOf(Math.max(...scores));
    kept.push(own.subarray(place * size, (place + 1) * size));
  }
  return concatenated(kept);
}

/** Latents of one size, one after the other; `[B, size]`. */
export function concatenated(latents: readonly Float32Array[]): Float32Array {
  const [{ length }] = latents;
  const all = new Float32Array(latents.length * length);
  latents.forEach((own, j) => {
    all.set(own, j * length);
  });
  return all;
}
