/** @file Draws what an arm of an experiment shows for a pair. What two arms have in common the studio keeps, and draws once. */
import type { ConditionEncoder } from "../../../ml/diffusion/condition-encoder.js";
import { Random, seedFrom } from "../../../ml/nn/random.js";
import type {
  DrawnImage,
  CachedImageGenerator,
  CachedImageRequest,
} from "../../images/cached-image-generator.js";
import {
  explored,
  personalizerInputs,
  type PersonalizerModel,
} from "../../images/personalizer-model.js";
import { type Pair, pairRetrieval } from "../../reflection/pairs.js";
import type { PersonalizerTrainingConfig } from "../../reflection/personalizer-training-config.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { generatorPrompt } from "../../retrieval/prompt.js";
import { type ExperimentArm, numCandidatesOf, type ImageExperiment } from "./experiment-config.js";

/** An arm in one seed: what all of its pictures share. */
export interface Run {
  experiment: ImageExperiment;
  arm: ExperimentArm;
  config: PersonalizerTrainingConfig;
  seed: number;
  shop: ShopSnapshot;
  /** Null where the condition needs none. */
  model: PersonalizerModel | null;
  signal?: AbortSignal;
}

interface Dependencies {
  imageGenerator: Pick<CachedImageGenerator, "draw">;
  encoder(): Promise<Pick<ConditionEncoder, "encodeTexts" | "projectImage">>;
}

export class ArmArtist {
  constructor(private readonly deps: Dependencies) {}

  /** The pair's candidates; none where the catalogue picture is shown. */
  async draw(run: Run, pair: Pair): Promise<DrawnImage[]> {
    const { arm, config, experiment, seed, shop, signal } = run;
    const { guidanceScale, numSteps, strength } = experiment;
    const numCandidates = numCandidatesOf(experiment, arm);
    const context = pairRetrieval(shop, pair, config);
    const request: Omit<CachedImageRequest, "prompt"> = {
      blobHash: pair.blobHash,
      guidanceScale,
      numSteps,
      strength,
      seed: seedFrom("experiment", seed, pair.userId, pair.itemId),
      numImages: numCandidates,
    };
    const drawn = (own: Pick<CachedImageRequest, "prompt" | "imageEmbedding" | "conditions">) =>
      this.deps.imageGenerator.draw({ ...request, ...own }, { signal });
    const { title } = shop.items.get(pair.itemId)!;
    const imageEmbedding = context.preferenceEmbedding ?? undefined;
    switch (arm.condition) {
      case "original":
        return [];
      case "keywords":
        return drawn({ prompt: context.prompt });
      case "both":
        return drawn({ prompt: context.prompt, imageEmbedding });
      case "retrieval":
        return drawn({
          prompt: generatorPrompt(context.referenceKeywords, [], title),
          imageEmbedding,
        });
      case "personalizer": {
        const model = run.model!; // trained for the arm
        const inputs = await personalizerInputs(model, await this.deps.encoder(), [context]);
        const [policy] = model.policy(inputs);
        const random = new Random(seedFrom("explored", request.seed));
        const conditions = Array.from({ length: numCandidates }, (_, t) =>
          t === 0 ? policy.mean : explored(policy, random.normals(policy.mean.length)),
        );
        return drawn({ prompt: "", conditions });
      }
    }
  }
}
