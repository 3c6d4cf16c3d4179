/**
 * @file Makes one personalised picture: condition -> candidates -> judgement -> file and rows.
 *
 * Until the trained preference P^gen (Eq. 9) exists, the generator is conditioned on the words of the reference and of
 * the history, E^key, and on the retrieved preference P^ret (Eq. 5), and starts from the reference's own picture.
 */
import type {
  NewPersonalizedImage,
  NewRankChange,
} from "../../db/personalized-images.repository.js";
import type { BlobRow, PersonalizedImageRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import { dot } from "../../ml/nn/cosine.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import type { GenerationOptions } from "./generation-options.js";
import type { GenerationPlan, GenerationPlanner } from "./generation-plan.js";
import type { PersonalizeImagePayload, PersonalizeImageResult } from "./personalization.service.js";

/** What the generator is asked for; see `DiffusionPipeline`. */
export interface RenderRequest {
  prompt: string;
  imageEmbedding: Float32Array;
  initImage: RgbImage;
  strength: number;
  guidanceScale: number;
  numSteps: number;
  seed: number;
  numImages: number;
}

export interface RenderProgress {
  step: number;
  numSteps: number;
  /** How the first candidate looks so far. */
  preview?: RgbImage;
}

/** What the ranking model says of an item's candidates; `null` when it does not know the item. */
export interface WhatIf {
  rankingModelVersionId: string;
  scoreBefore: number;
  rankBefore: number;
  numRanked: number;
  candidates: readonly { score: number; rank: number; deltaR: number }[];
}

/** CLIP image embeddings of a picture and of the reference's. */
interface ComparedEmbeddings {
  generated: Float32Array;
  reference: Float32Array;
}

interface Dependencies {
  planner: Pick<GenerationPlanner, "plan">;
  pictures: {
    /** Decodes a stored picture to the generator's size. */
    load(blobHash: string): Promise<RgbImage>;
    /** Encodes and stores a file. */
    store(image: RgbImage): Promise<Omit<BlobRow, "createdAt">>;
    remove(blobHash: string): Promise<void>;
  };
  renderer: {
    render(
      request: RenderRequest,
      hooks: { onProgress?: (progress: RenderProgress) => void; signal?: AbortSignal },
    ): Promise<RgbImage[]>;
  };
  clip: { encodeImages(images: readonly RgbImage[]): Promise<Float32Array[]> };
  ranking: {
    whatIf(
      userId: string,
      itemId: string,
      candidates: readonly Float32Array[],
    ): Promise<WhatIf | null>;
  };
  /** Whether a picture may be shown at all, and every reason against it, such as `BLANK`. */
  gate: (
    image: RgbImage,
    embeddings: ComparedEmbeddings,
  ) => { passes: boolean; faults: readonly string[] };
  images: {
    findByRequestKey(requestKey: string): Promise<PersonalizedImageRow | null>;
    save(
      image: NewPersonalizedImage,
      blob: Omit<BlobRow, "createdAt">,
      rankChange: NewRankChange | null,
    ): Promise<PersonalizedImageRow>;
    addBlob(blob: Omit<BlobRow, "createdAt">): Promise<void>;
    dropBlob(hash: string): Promise<boolean>;
  };
  generator: string;
  promptVersion: string;
}

/** How a running job tells what it does. */
export interface GenerationReport {
  signal: AbortSignal;
  report: (progress: number, stage: string, previewHash?: string) => Promise<void> | void;
}

interface Candidate {
  image: RgbImage;
  /** CLIP cosine to the item's caption and to its picture. */
  captionSimilarity: number;
  imageSimilarity: number;
  passes: boolean;
  faults: readonly string[];
  /** Position among the what-if's answers. */
  index: number;
}

export class ImageGenerationService {
  constructor(private readonly deps: Dependencies) {}

  /** Runs a `PERSONALIZE_IMAGE` job. What the plan needs is looked up now, so the picture fits the newest history. */
  async generate(
    { userId, itemId, options }: PersonalizeImagePayload,
    { signal, report }: GenerationReport,
  ): Promise<PersonalizeImageResult> {
    const { planner, images } = this.deps;
    const startedAt = performance.now();
    const { outcome: plan } = await planner.plan(userId, itemId, options);
    if (typeof plan === "string") {
      return { originalReason: plan };
    }
    const earlier = await images.findByRequestKey(plan.requestKey);
    if (earlier) {
      return { imageId: earlier.id };
    }
    await report(0.02, "drawing");
    const drawn = await this.draw(plan, { signal, report });
    signal.throwIfAborted();
    await report(0.92, "judging");
    const best = await this.judge(plan, drawn);
    if (!best) {
      return { originalReason: "BELOW_QUALITY_FLOOR" };
    }
    await report(0.97, "storing");
    const seconds = (performance.now() - startedAt) / 1_000;
    return { imageId: (await this.store(plan, best, seconds)).id };
  }

  /** The candidates, with previews on the way. */
  private async draw(
    plan: GenerationPlan,
    { signal, report }: GenerationReport,
  ): Promise<RgbImage[]> {
    const { pictures, renderer, images } = this.deps;
    const { numCandidates, ...knobs } = plan.options;
    const previews: string[] = [];
    let reporting = Promise.resolve();
    const onProgress = ({ step, numSteps, preview }: RenderProgress) => {
      reporting = reporting.then(async () => {
        const blob = preview && (await pictures.store(preview));
        if (blob) {
          await images.addBlob(blob);
          previews.push(blob.hash);
        }
        await report(0.02 + (0.88 * step) / numSteps, `step ${step} of ${numSteps}`, blob?.hash);
      });
      reporting.catch(() => undefined); // rethrown below
    };
    try {
      return await renderer.render(
        {
          ...knobs,
          prompt: plan.retrieval.prompt,
          imageEmbedding: plan.retrieval.preferenceEmbedding,
          initImage: await pictures.load(plan.sourceBlobHash),
          numImages: numCandidates,
        },
        { onProgress, signal },
      );
    } catch (error) {
      if (signal.aborted || error instanceof AppError) {
        throw error;
      }
      throw new AppError("GENERATION_FAILED", {}, { cause: error });
    } finally {
      await reporting.catch(() => undefined);
      for (const hash of previews.slice(0, -1)) {
        if (await images.dropBlob(hash)) {
          await pictures.remove(hash);
        }
      }
    }
  }

  /** The candidate with the best score ρ (Eq. 13) among those that may be shown; null when none may. */
  private async judge(
    plan: GenerationPlan,
    drawn: readonly RgbImage[],
  ): Promise<{ candidate: Candidate; candidates: Candidate[]; whatIf: WhatIf | null } | null> {
    const { clip, ranking, gate } = this.deps;
    const { referenceCaptionEmbedding, referenceImageEmbedding } = plan.retrieval;
    const embeddings = await clip.encodeImages(drawn);
    const whatIf = await ranking.whatIf(plan.userId, plan.itemId, embeddings);
    const candidates = drawn.map((image, index): Candidate => {
      const generated = embeddings[index];
      return {
        image,
        index,
        imageSimilarity: dot(generated, referenceImageEmbedding),
        captionSimilarity: dot(generated, referenceCaptionEmbedding),
        ...gate(image, { generated, reference: referenceImageEmbedding }),
      };
    });
    const merit = ({ index, captionSimilarity }: Candidate) =>
      whatIf ? whatIf.candidates[index].score : captionSimilarity;
    const [candidate] = candidates
      .filter(({ passes }) => passes)
      .sort((a, b) => merit(b) - merit(a) || a.index - b.index);
    return candidate ? { candidate, candidates, whatIf } : null;
  }

  private async store(
    plan: GenerationPlan,
    best: { candidate: Candidate; candidates: Candidate[]; whatIf: WhatIf | null },
    generationSeconds: number,
  ): Promise<PersonalizedImageRow> {
    const { pictures, images, generator, promptVersion } = this.deps;
    const { candidate, candidates, whatIf } = best;
    const blob = await pictures.store(candidate.image);
    return images.save(
      {
        requestKey: plan.requestKey,
        userId: plan.userId,
        itemId: plan.itemId,
        blobHash: blob.hash,
        sourceBlobHash: plan.sourceBlobHash,
        seed: plan.options.seed,
        generator,
        promptVersion,
        provenance: provenance(plan, candidates, candidate.index, whatIf),
        captionSimilarity: candidate.captionSimilarity,
        imageSimilarity: candidate.imageSimilarity,
        generationSeconds,
      },
      blob,
      whatIf && rankChange(whatIf, candidate.index),
    );
  }
}

/** The rank change of one candidate, as it is stored. */
export function rankChange(whatIf: WhatIf, index: number): NewRankChange {
  const { score, rank, deltaR } = whatIf.candidates[index];
  return {
    rankingModelVersionId: whatIf.rankingModelVersionId,
    rankBefore: whatIf.rankBefore,
    rankAfter: rank,
    scoreBefore: whatIf.scoreBefore,
    scoreAfter: score,
    numRanked: whatIf.numRanked,
    deltaR,
  };
}

/** What a picture's explanation says: enough to make it again, and to tell the shopper why it looks like this. */
export interface Provenance {
  retrieved: { itemId: string; similarity: number; weight: number }[];
  weightEntropy: number;
  referenceKeywords: string[];
  preferenceKeywords: string[];
  prompt: string;
  options: { [Name in keyof GenerationOptions]: number };
  chosenCandidate: number;
  candidates: {
    score: number | null;
    rank: number | null;
    captionSimilarity: number;
    imageSimilarity: number;
    faults: string[];
  }[];
}

function provenance(
  { retrieval, options }: GenerationPlan,
  candidates: readonly Candidate[],
  chosenCandidate: number,
  whatIf: WhatIf | null,
) {
  return {
    retrieved: retrieval.retrieved.map(item => ({ ...item })),
    weightEntropy: retrieval.weightEntropy,
    referenceKeywords: [...retrieval.referenceKeywords],
    preferenceKeywords: [...retrieval.preferenceKeywords],
    prompt: retrieval.prompt,
    options: { ...options },
    chosenCandidate,
    candidates: candidates.map(({ index, captionSimilarity, imageSimilarity, faults }) => ({
      score: whatIf?.candidates[index].score ?? null,
      rank: whatIf?.candidates[index].rank ?? null,
      captionSimilarity,
      imageSimilarity,
      faults: [...faults],
    })),
  } satisfies Provenance;
}
