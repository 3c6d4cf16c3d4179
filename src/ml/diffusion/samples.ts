/**
 * @file The drafts of a request: what is drawn for each picture that is asked for, and which of it is kept.
 *
 * Shapes: B pictures, R drafts of each, C x h x w latents.
 */
import { seedFrom } from "../nn/random.js";
import { type RetrievedExemplars } from "./exemplar-retriever.js";
import { type CompleteRequest } from "./generate-request.js";

/** What pictures are redrawn from. */
export interface Source {
  /** What a run starts from where it does not start afresh; `[C, h, w]`, scaled. */
  original: Float32Array | null;
  /** One, or several to choose among; `[C, h, w]`, unscaled; null: nothing. */
  references: (Float32Array | null)[];
  /** How well drafts meet what is wanted; null: there is one reference, and one draft. */
  classify: RetrievedExemplars["classify"];
}

/** A picture being made: the place of its condition among those asked for, the reference it is made from, and the seed of its noise. */
export interface Sample {
  image: number;
  reference: Float32Array | null;
  noiseSeed: number;
}

/** All drafts of a request, picture by picture; the references of one noise follow each other. */
export function samplesOf(
  request: Pick<CompleteRequest, "numSamples" | "numImages" | "seed" | "sharesNoise">,
  { classify, references }: Pick<Source, "classify" | "references">,
): Sample[] {
  const { numSamples, numImages, seed, sharesNoise } = request;
  const noises = Array.from({ length: classify ? numSamples : 1 }, (_, sample) => sample);
  return Array.from({ length: numImages }, (_, image) => {
    const place = sharesNoise ? 0 : image;
    return noises.flatMap(sample => {
      const noiseSeed = sample === 0 ? seedFrom(seed, place) : seedFrom(seed, place, sample);
      return references.map(reference => ({ image, reference, noiseSeed }));
    });
  }).flat();
}

/** Of each picture's drafts the best, the first of equals; `[B R, C, h, w] -> [B, C, h, w]`. */
export async function bestOf(
  samples: Float32Array,
  { classify }: Pick<Source, "classify">,
  B: number,
): Promise<Float32Array> {
  if (!classify) {
    return samples;
  }
  const ofImage = samples.length / B;
  const kept: Float32Array[] = [];
  // A picture's alone at a time: that bounds the classifier's memory.
  for (let start = 0; start < samples.length; start += ofImage) {
    const own = samples.subarray(start, start + ofImage);
    const scores = await classify(own);
    const size = ofImage / scores.length;
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
