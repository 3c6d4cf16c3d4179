/**
 * @file Serves one personalized image: plan -> the image path (`image-path.ts`) -> choice -> file and rows.
 */
import type { DigitalSourceType } from "../../db/image-codec.js";
import type {
  NewImageRefusal,
  NewPersonalizedImage,
  NewRankChange,
} from "../../db/personalized-images.repository.js";
import type { BlobRow, PersonalizedImageRow } from "../../db/rows.js";
import type { GenerateProgress, RenderPriority } from "../../ml/diffusion/image-generator.js";
import type { ModerationStrategy } from "../../ml/moderation/moderation-strategy.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import type { PictureRanker } from "../ranking/picture-ranker.js";
import { rankChangeOf } from "../ranking/what-if.js";
import {
  type Candidates,
  type Gate,
  type Selection,
  selectCandidate,
  withoutChosen,
} from "./candidate-selection.js";
import { sourceTypeOf } from "./disclosure.js";
import { drawingKnobs } from "./generation-options.js";
import type { GenerationPlan, GenerationPlanner } from "./generation-plan.js";
import { type CandidateRequest, type ImagePath, makeCandidates } from "./image-path.js";
import type { PersonalizeImagePayload, PersonalizeImageResult } from "./personalization.service.js";
import { provenance } from "./provenance.js";

/** The fault of a picture that an administrator rejected, and the reason if no other may be shown. */
const REJECTED = "REJECTED";
/** Denoising steps between two previews. */
const PREVIEW_INTERVAL = 4;

interface Dependencies extends ImagePath {
  planner: Pick<GenerationPlanner, "plan">;
  /** Default: no variant is tried. */
  variants?: { choose(plans: readonly GenerationPlan[]): Promise<PersonalizedImageRow[]> };
  imageFiles: ImagePath["imageFiles"] & {
    /** Encodes and stores a file. */
    store(image: RgbImage, sourceType?: DigitalSourceType): Promise<Omit<BlobRow, "createdAt">>;
    remove(blobHash: string): Promise<void>;
  };
  ranker: PictureRanker;
  /** Whether an image may be shown at all, and every reason against it, such as `BLANK`. */
  gate: Gate;
  /** What else is against showing an image to anybody, such as `UNSAFE`. */
  moderation: Pick<ModerationStrategy, "faultsOf" | "name">;
  images: {
    findByRequestKey(requestKey: string): Promise<PersonalizedImageRow | null>;
    save(
      image: NewPersonalizedImage,
      blob: Omit<BlobRow, "createdAt">,
      rankChange: NewRankChange | null,
    ): Promise<PersonalizedImageRow | null>;
    refuse(refusal: NewImageRefusal): Promise<void>;
    addBlob(blob: Omit<BlobRow, "createdAt">): Promise<void>;
    dropBlob(hash: string): Promise<boolean>;
  };
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
    // The history may be newer than the request.
    const variant = (await this.deps.variants?.choose([plan]))?.at(0);
    if (variant) {
      return { imageId: variant.id };
    }
    await report(0.02, "drawing");
    const candidates = await this.draw(plan, { signal, report, priority });
    signal.throwIfAborted();
    await report(0.92, "selecting");
    let selection = await selectCandidate(plan.retrieval, candidates, this.deps);
    if (selection.chosen !== null) {
      await report(0.97, "storing");
    }
    while (selection.chosen !== null) {
      const seconds = (performance.now() - startedAt) / 1_000;
      const stored = await this.store(plan, selection, seconds);
      if (stored) {
        return stored.isServed ? { imageId: stored.id } : { originalReason: "RANKED_LOWER" };
      }
      selection = withoutChosen(selection, REJECTED);
    }
    const { requestKey, rankingModelVersionId } = plan;
    const faults = faultsOf(selection);
    const reason =
      candidates.originalFault ?? (faults.includes(REJECTED) ? REJECTED : "BELOW_QUALITY_FLOOR");
    await images.refuse({ requestKey, userId, itemId, reason, rankingModelVersionId });
    return { originalReason: reason, faults: candidates.originalDetail ?? faults };
  }

  /** The candidates, with previews while they are drawn. */
  private async draw(
    { method, options, retrieval }: GenerationPlan,
    { signal, report, priority }: GenerationReport,
  ): Promise<Candidates> {
    const { imageFiles, images, moderation } = this.deps;
    const { fidelity = "AUTO" } = options;
    const previews: string[] = [];
    let reporting = Promise.resolve();
    const onProgress = ({ step, numSteps, preview }: GenerateProgress) => {
      reporting = reporting.then(async () => {
        const blob = preview && (await imageFiles.store(preview));
        if (blob) {
          await images.addBlob(blob);
          previews.push(blob.hash);
        }
        await report(0.02 + (0.88 * step) / numSteps, `step ${step} of ${numSteps}`, blob?.hash);
      });
      reporting.catch(() => undefined); // awaited below
    };
    const previewInterval = moderation.name === "" ? PREVIEW_INTERVAL : 0; // it cannot be moderated before it is shown
    try {
      const request: CandidateRequest = { ...drawingKnobs(options), fidelity, context: retrieval };
      const drawing = { onProgress, previewInterval, priority, signal };
      const [candidates] = await makeCandidates(this.deps, method, [request], drawing);
      return candidates;
    } finally {
      await reporting.catch(() => undefined);
      for (const hash of previews.slice(0, -1)) {
        if (await images.dropBlob(hash)) {
          await imageFiles.remove(hash);
        }
      }
    }
  }

  /** Null if somebody rejected the chosen picture earlier. */
  private async store(
    plan: GenerationPlan,
    selection: Selection,
    generationSeconds: number,
  ): Promise<PersonalizedImageRow | null> {
    const { imageFiles, images, generator, promptVersion } = this.deps;
    const { candidates, chosen, isServed, whatIf } = selection;
    const candidate = candidates[chosen!]; // pictures that may not be shown at all are not stored
    const blob = await imageFiles.store(candidate.image, sourceTypeOf(candidate.check));
    return images.save(
      {
        requestKey: plan.requestKey,
        userId: plan.userId,
        itemId: plan.itemId,
        blobHash: blob.hash,
        sourceBlobHash: plan.sourceBlobHash,
        seed: plan.options.seed,
        generator: generator.version,
        promptVersion,
        personalizerVersionId: plan.method.personalizerVersionId ?? null,
        rankingModelVersionId: plan.rankingModelVersionId,
        isServed,
        provenance: provenance(plan, selection),
        captionSimilarity: candidate.captionSimilarity,
        imageSimilarity: candidate.imageSimilarity,
        generationSeconds,
      },
      blob,
      whatIf && rankChangeOf(whatIf, chosen!),
    );
  }
}

/** Every fault of the candidates, once. */
function faultsOf({ candidates }: Selection): string[] {
  return [...new Set(candidates.flatMap(({ faults }) => faults))];
}
