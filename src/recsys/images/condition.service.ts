/**
 * @file What the denoiser attends to when a picture is made for a shopper: P^gen (Eq. 9) of the active personalizer, or,
 * where none is, the words of E^key and the image tokens of P^ret.
 */
import { AppError } from "../../errors/app-error.js";
import type { ConditionEncoder } from "../../ml/diffusion/condition-encoder.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import type { GenerationPlan } from "./generation-plan.js";
import { explored, personalizerInputs, type PersonalizerModel } from "./personalizer-model.js";

export interface LoadedPersonalizer {
  versionId: string;
  model: PersonalizerModel;
}

interface Dependencies {
  personalizers: { active(): Promise<LoadedPersonalizer | null> };
  encoder(): Promise<Pick<ConditionEncoder, "encodeTexts" | "projectImage">>;
}

export type ImageCondition =
  { prompt: string; imageEmbedding: Float32Array } | { prompt: string; conditions: Float32Array[] };

export class ConditionService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * The conditions of a plan's candidates: the policy's mean, then draws around it. Each candidate starts from noise of its
   * own, so that they differ by more than the exploration's small σ.
   *
   * @throws AppError `GENERATION_FAILED` when another personalizer became active since the plan was made.
   */
  async condition(plan: GenerationPlan, numCandidates: number): Promise<ImageCondition> {
    const { options, personalizerVersionId, retrieval } = plan;
    const { prompt } = retrieval;
    if (personalizerVersionId === null) {
      return { prompt, imageEmbedding: retrieval.preferenceEmbedding };
    }
    const encoder = await this.deps.encoder();
    const loaded = await this.deps.personalizers.active();
    if (loaded?.versionId !== personalizerVersionId) {
      const cause = new Error("another personalizer became active");
      throw new AppError("GENERATION_FAILED", {}, { cause });
    }
    const inputs = await personalizerInputs(loaded.model, encoder, [retrieval]);
    const [policy] = loaded.model.policy(inputs);
    const random = new Random(seedFrom("candidates", options.seed));
    const conditions = [policy.mean];
    while (conditions.length < numCandidates) {
      conditions.push(explored(policy, random.normals(policy.mean.length)));
    }
    return { prompt, conditions };
  }
}
