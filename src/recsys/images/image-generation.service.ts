/**
 * @file Makes one personalised picture: condition -> candidates -> judgement -> file and rows.
 *
 * The generator starts from the reference's own picture, under the trained preference P^gen (Eq. 9) of the active
 * personalizer; without one, under the words of reference and history, E^key, and the retrieved preference P^ret (Eq. 5).
 */
import type {
  NewImageRefusal,
  NewPersonalizedImage,
  NewRankChange,
} from "../../db/personalized-images.repository.js";
import type { BlobRow, PersonalizedImageRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import type { RenderPriority } from "../../ml/diffusion/render-turns.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import {
  type Gate,
  type Selection,
  selectCandidate,
  rankChange,
  type WhatIf,
} from "./candidate-selection.js";
import type { ConditionService } from "./condition.service.js";
import type { GenerationPlan, GenerationPlanner } from "./generation-plan.js";
import type { PersonalizeImagePayload, PersonalizeImageResult } from "./personalization.service.js";
import { provenance } from "./provenance.js";

/** What the generator is asked for; see `DiffusionPipeline`. */
export interface RenderRequest {
  prompt: string;
  imageEmbedding?: Float32Array;
  /** In place of both: what each picture attends to. */
  conditions?: readonly Float32Array[];
  /** Whether pictures differ by their conditions alone. */
  sharesNoise?: boolean;
  initImage: RgbImage;
  /** These three: by default the pack's. */
  strength?: number;
  guidanceScale?: number;
  numSteps?: number;
  seed: number;
  numImages: number;
}

export interface RenderProgress {
  step: number;
  numSteps: number;
  /** How the first candidate looks so far. */
  preview?: RgbImage;
}

interface Dependencies {
  planner: Pick<GenerationPlanner, "plan">;
  imageFiles: {
    /** Decodes a stored picture to the generator's size. */
    load(blobHash: string): Promise<RgbImage>;
    /** Encodes and stores a file. */
    store(image: RgbImage): Promise<Omit<BlobRow, "createdAt">>;
    remove(blobHash: string): Promise<void>;
  };
  renderer: {
    render(
      request: RenderRequest,
      hooks: {
        onProgress?: (progress: RenderProgress) => void;
        priority?: RenderPriority;
        signal?: AbortSignal;
      },
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
  gate: Gate;
  /** What else is against showing a picture to anybody, such as `UNSAFE`. */
  moderation: { faultsOf(images: readonly RgbImage[]): Promise<string[][]> };
  conditioner: Pick<ConditionService, "condition">;
  images: {
    findByRequestKey(requestKey: string): Promise<PersonalizedImageRow | null>;
    save(
      image: NewPersonalizedImage,
      blob: Omit<BlobRow, "createdAt">,
      rankChange: NewRankChange | null,
    ): Promise<PersonalizedImageRow>;
    refuse(refusal: NewImageRefusal): Promise<void>;
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
  /** Whose picture is drawn first. Default: `live`. */
  priority?: RenderPriority;
}

export class ImageGenerationService {
  constructor(private readonly deps: Dependencies) {}

  /** Runs a `PERSONALIZE_IMAGE` job. What the plan needs is looked up now, so the picture fits the newest history. */
  async generate(
    { userId, itemId, options }: PersonalizeImagePayload,
    { signal, report, priority }: GenerationReport,
  ): Promise<PersonalizeImageResult> {
    const { planner, images } = this.deps;
    const startedAt = performance.now();
    const plan = await planner.plan(userId, itemId, options);
    if (typeof plan === "string") {
      return { originalReason: plan };
    }
    const earlier = await images.findByRequestKey(plan.requestKey);
    if (earlier) {
      return earlier.isServed ? { imageId: earlier.id } : { originalReason: "RANKED_LOWER" };
    }
    await report(0.02, "drawing");
    const drawn = await this.draw(plan, { signal, report, priority });
    signal.throwIfAborted();
    await report(0.92, "judging");
    const selection = await this.select(plan, drawn);
    if (selection.chosen === null) {
      const { requestKey, rankingModelVersionId } = plan;
      const reason = "BELOW_QUALITY_FLOOR";
      await images.refuse({ requestKey, userId, itemId, reason, rankingModelVersionId });
      return { originalReason: "BELOW_QUALITY_FLOOR" };
    }
    await report(0.97, "storing");
    const seconds = (performance.now() - startedAt) / 1_000;
    const { id, isServed } = await this.store(plan, selection, seconds);
    return isServed ? { imageId: id } : { originalReason: "RANKED_LOWER" };
  }

  /** The candidates, with previews on the way. */
  private async draw(
    plan: GenerationPlan,
    { signal, report, priority }: GenerationReport,
  ): Promise<RgbImage[]> {
    const { conditioner, imageFiles, renderer, images } = this.deps;
    const { numCandidates, ...knobs } = plan.options;
    const previews: string[] = [];
    let reporting = Promise.resolve();
    const onProgress = ({ step, numSteps, preview }: RenderProgress) => {
      reporting = reporting.then(async () => {
        const blob = preview && (await imageFiles.store(preview));
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
          ...(await conditioner.condition(plan, numCandidates)),
          initImage: await imageFiles.load(plan.sourceBlobHash),
          numImages: numCandidates,
        },
        { onProgress, priority, signal },
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
          await imageFiles.remove(hash);
        }
      }
    }
  }

  private async select(plan: GenerationPlan, drawn: readonly RgbImage[]): Promise<Selection> {
    const { clip, ranking, gate, moderation } = this.deps;
    const moderated = await moderation.faultsOf(drawn);
    const embeddings = await clip.encodeImages(drawn);
    const whatIf = await ranking.whatIf(plan.userId, plan.itemId, embeddings);
    return selectCandidate(plan.retrieval, drawn, { embeddings, whatIf, gate, moderated });
  }

  private async store(
    plan: GenerationPlan,
    selection: Selection,
    generationSeconds: number,
  ): Promise<PersonalizedImageRow> {
    const { imageFiles, images, generator, promptVersion } = this.deps;
    const { candidates, chosen, isServed, whatIf } = selection;
    const candidate = candidates[chosen!]; // pictures that may not be shown at all are not stored
    const blob = await imageFiles.store(candidate.image);
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
        personalizerVersionId: plan.personalizerVersionId,
        rankingModelVersionId: plan.rankingModelVersionId,
        isServed,
        provenance: provenance(plan, selection),
        captionSimilarity: candidate.captionSimilarity,
        imageSimilarity: candidate.imageSimilarity,
        generationSeconds,
      },
      blob,
      whatIf && rankChange(whatIf, chosen!),
    );
  }
}
