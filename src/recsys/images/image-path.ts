/**
 * @file The one path to a personalized image: retrieve -> `method.condition` -> `generator.generate` -> product lock
 * (`product-lock.ts`) -> `ranker.whatIf` -> choose (`candidate-selection.ts`). Serving, rollouts, experiments and re-ranking
 * take it; what differs is an argument.
 */
import { AppError } from "../../errors/app-error.js";
import type {
  GenerateOptions,
  GenerateRequest,
  ImageGenerator,
} from "../../ml/diffusion/image-generator.js";
import { resizedAlpha } from "../../ml/metrics/resized-rgb.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import type { PictureRanker, WhatIf } from "../ranking/picture-ranker.js";
import type { Candidates } from "./candidate-selection.js";
import type { FidelityPolicy } from "./fidelity-policy.js";
import type {
  ImageCondition,
  PersonalizationContext,
  PersonalizationMethod,
} from "./personalization-method.js";
import { checkedImages, type OriginalProduct, type ProductLock } from "./product-lock.js";

/** A context with all that an image needs: the catalogue image to start from, and what the result is compared with. */
export type ImageContext = PersonalizationContext & {
  sourceBlobHash: string;
  referenceCaptionEmbedding: Float32Array;
  referenceImageEmbedding: Float32Array;
};

export interface ImagePath {
  generator: ImageGenerator;
  /** Decodes a stored image to the generator's size. */
  imageFiles: { load(blobHash: string): Promise<RgbImage> };
  /** CLIP embeddings of unit length, `[E]`. */
  clip: { encodeImages(images: readonly RgbImage[]): Promise<Float32Array[]> };
  /** Null: nobody asks for ranks. */
  ranker: PictureRanker | null;
  /** Null: nothing is locked, whatever a request says. */
  products: Pick<ProductLock, "open"> | null;
}

type Knobs = Pick<
  GenerateRequest,
  "guidanceScale" | "numImages" | "numSteps" | "seed" | "sharesNoise" | "strength"
>;

export interface CandidateRequest extends Knobs {
  context: ImageContext;
  /** Items that do not compete in the ranking. Default: all that the user has interacted with. */
  seenItemIds?: readonly string[];
  /** How true the images must be to the catalogue image; `AUTO`: by that image. Default: nothing is locked or measured. */
  fidelity?: FidelityPolicy | "AUTO";
}

/**
 * The candidates of several requests, all of the first one's `numImages`; the method sees them in one batch.
 *
 * @throws AppError as the method and the generator; `GENERATION_FAILED` for any other error of theirs.
 */
export async function makeCandidates(
  path: ImagePath,
  method: PersonalizationMethod,
  requests: readonly CandidateRequest[],
  options: GenerateOptions = {},
): Promise<Candidates[]> {
  if (requests.length === 0) {
    return [];
  }
  const contexts = requests.map(({ context }) => context);
  const seeds = requests.map(({ seed }) => seed);
  const conditions = await codedFailure(options.signal, () =>
    method.condition(contexts, requests[0].numImages, seeds),
  );
  return Promise.all(
    requests.map((request, at) => drawCandidates(path, request, conditions[at], options)),
  );
}

/** The part of the path behind the method: for rollouts, whose conditions come from the policy in training. */
export async function drawCandidates(
  path: ImagePath,
  { context, fidelity, seenItemIds, ...knobs }: CandidateRequest,
  condition: ImageCondition,
  options: GenerateOptions = {},
): Promise<Candidates> {
  const { clip, products, ranker } = path;
  const { itemId, sourceBlobHash, userId } = context;
  const product = fidelity && products ? await products.open(sourceBlobHash, fidelity) : null;
  const drawn = product?.fault
    ? []
    : await drawnImages(path, { ...knobs, ...condition }, { sourceBlobHash, product }, options);
  const checks = product && (await checkedImages(product, drawn));
  const images = checks?.map(({ image }) => image) ?? drawn;
  const embeddings = images.length > 0 ? await clip.encodeImages(images) : [];
  const whatIf = (await ranker?.whatIf({ userId, seenItemIds }, itemId, embeddings)) ?? null;
  const originalDetail = product?.maskFault ? [product.maskFault] : null;
  return { images, embeddings, whatIf, checks, originalFault: product?.fault, originalDetail };
}

/** @throws AppError as the generator; `GENERATION_FAILED` for any other error. */
function drawnImages(
  { generator, imageFiles }: ImagePath,
  request: GenerateRequest,
  { product, sourceBlobHash }: { sourceBlobHash: string; product: OriginalProduct | null },
  options: GenerateOptions,
): Promise<RgbImage[]> {
  const mask = product?.mask;
  // What a step looks like before the lock is not for a shopper's eyes.
  const shown = product?.policy === "PRODUCT" ? { ...options, previewInterval: 0 } : options;
  return codedFailure(options.signal, async () => {
    const initImage = await imageFiles.load(sourceBlobHash);
    const keep = mask && { mask: resizedAlpha(mask, initImage) };
    const made = await generator.generate({ ...request, ...keep, initImage }, shown);
    if (made.length !== request.numImages) {
      throw new Error(
        `${generator.version}: expected ${request.numImages} images, got ${made.length}`,
      );
    }
    return made;
  });
}

/** @throws AppError `INVALID_ARGUMENT` when the ranker knows nothing of the user or the item. */
export function requireWhatIf({ whatIf }: Candidates, { itemId, userId }: ImageContext): WhatIf {
  if (!whatIf) {
    const problem = `must rank item '${itemId}' for user '${userId}' by its image, but does not`;
    throw new AppError("INVALID_ARGUMENT", { argument: "the ranking model", problem });
  }
  return whatIf;
}

async function codedFailure<Result>(
  signal: AbortSignal | undefined,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (signal?.aborted || error instanceof AppError) {
      throw error;
    }
    throw new AppError("GENERATION_FAILED", {}, { cause: error });
  }
}
