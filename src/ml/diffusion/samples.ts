/**
 * @file The samples of a request: which are drawn for each image, and which one is selected.
 *
 * Shapes: B images, R samples of each, C x h x w latents.
 */
import { seedFrom } from "../nn/random.js";
import { type RetrievedExemplars } from "./exemplar-retriever.js";
import { type CompleteRequest } from "./generate-request.js";

/** Starting point of image-to-image runs. */
export interface Source {
  /** Latents that the run starts from, null to start from noise; `[C, h, w]`, scaled. */
  original: Float32Array | null;
  /** One reference, or several to choose from; `[C, h, w]`, unscaled; null: none. */
  references: (Float32Array | null)[];
  /** Scores samples; null: one reference and one sample. */
  classify: RetrievedExemplars["classify"];
}

/** A sample to draw: its image's index, its reference and the seed of its noise. */
export interface Sample {
  image: number;
  reference: Float32Array | null;
  noiseSeed: number;
}

/** All samples of a request, image by image; references that share noise are consecutive. */
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

/** Selects each image's best sample, the first of equals; `[B R, C, h, w] -> [B, C, h, w]`. */
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
  // One image at a time bounds the classifier's memory.
  for (let start = 0; start < samples.length; start += ofImage) {
    const own = samples.subarray(start, start + ofImage);
    const scores = await classify(own);
    const size = ofImage / scores.length;
    const place = scores.indexOf(Math.max(...scores));
    kept.push(own.subarray(place * size, (place + 1) * size));
  }
  return concatenated(kept);
}

/** Concatenates latents of one size; `[B, size]`. */
export function concatenated(latents: readonly Float32Array[]): Float32Array {
  const [{ length }] = latents;
  const all = new Float32Array(latents.length * length);
  latents.forEach((own, j) => {
    all.set(own, j * length);
  });
  return all;
}
