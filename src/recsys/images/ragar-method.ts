/** @file RAGAR as a personalization method: P^gen (Eq. 9) of a trained personalizer. */
import type { ConditionEncoder } from "../../ml/diffusion/condition-encoder.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import type {
  ImageCondition,
  PersonalizationContext,
  PersonalizationMethod,
} from "./personalization-method.js";
import { explored, personalizerInputs, type PersonalizerModel } from "./personalizer-model.js";

interface Dependencies {
  versionId: string;
  /** Runs with the version in memory, which stays there until the run ends. */
  use<Result>(run: (model: PersonalizerModel) => Promise<Result>): Promise<Result>;
  encoder(): Promise<Pick<ConditionEncoder, "encodeTexts" | "projectImage">>;
}

export class RagarMethod implements PersonalizationMethod {
  readonly personalizerVersionId: string;

  constructor(private readonly deps: Dependencies) {
    this.personalizerVersionId = deps.versionId;
  }

  get id(): string {
    return `ragar@${this.personalizerVersionId}`;
  }

  /** The policy's mean, then draws around it (Eq. 11). */
  async condition(
    contexts: readonly PersonalizationContext[],
    n: number,
    seeds: readonly number[],
  ): Promise<ImageCondition[]> {
    const encoder = await this.deps.encoder();
    return this.deps.use(async model => {
      const inputs = await personalizerInputs(model, encoder, contexts);
      return model.policy(inputs).map((policy, at) => {
        const random = new Random(seedFrom("explored", seeds[at]));
        const conditions = [policy.mean];
        while (conditions.length < n) {
          conditions.push(explored(policy, random.normals(policy.mean.length)));
        }
        return { prompt: contexts[at].prompt, conditions };
      });
    });
  }
}
