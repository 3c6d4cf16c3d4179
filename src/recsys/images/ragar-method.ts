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
  /** P^rk of a user for each reference, for a personalizer that reads it. Default: as the contexts say. */
  topFeatures?: {
    of(userId: string, references: readonly string[]): Promise<(Float32Array | null)[]>;
  };
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
      const known = model.readsRankerPreference ? await this.withTopFeatures(contexts) : contexts;
      const inputs = await personalizerInputs(model, encoder, known);
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

  /** One look at the ranking of each user. */
  private async withTopFeatures(
    contexts: readonly PersonalizationContext[],
  ): Promise<PersonalizationContext[]> {
    const { topFeatures } = this.deps;
    const missing = contexts.filter(({ rankerPreference }) => rankerPreference === undefined);
    const found = new Map<PersonalizationContext, Float32Array | null>();
    for (const userId of new Set(missing.map(context => context.userId))) {
      const own = missing.filter(context => context.userId === userId);
      const features = await topFeatures?.of(
        userId,
        own.map(({ itemId }) => itemId),
      );
      own.forEach((context, at) => found.set(context, features?.[at] ?? null));
    }
    return contexts.map(context =>
      found.has(context) ? { ...context, rankerPreference: found.get(context) } : context,
    );
  }
}
