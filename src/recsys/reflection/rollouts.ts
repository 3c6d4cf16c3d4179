/**
 * @file Rollouts: pictures around P^gen for a batch of pairs, scored by the ranking model and turned into rewards (RAGAR,
 * Eq. 11-14).
 *
 * v^ref is the catalogue picture, whose score is the trained one; v^key is drawn from the reference's own keywords, once for
 * a pair; all pictures of a pair start from the same noise, so that they differ by their conditions alone.
 */
import type { ConditionEncoder } from "../../ml/diffusion/condition-encoder.js";
import { dot } from "../../ml/nn/cosine.js";
import { type Random, seedFrom } from "../../ml/nn/random.js";
import { rewards } from "../../ml/reflection/rank-reward.js";
import {
  type CandidateRequest,
  drawCandidates,
  type ImagePath,
  requireWhatIf,
} from "../images/image-path.js";
import type { ImageCondition } from "../images/personalization-method.js";
import {
  explored,
  type PersonalizerInput,
  personalizerInputs,
  type PersonalizerModel,
  type Policy,
  type Rollout,
} from "../images/personalizer-model.js";
import type { WhatIf } from "../ranking/picture-ranker.js";
import { type Pair, pairRequest } from "./pairs.js";
import type { PersonalizerTrainingConfig } from "./personalizer-training-config.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

export interface RolloutParts {
  shop: ShopSnapshot;
  path: ImagePath;
  encoder: Pick<ConditionEncoder, "encodeTexts" | "projectImage">;
  config: PersonalizerTrainingConfig;
  /** Of the pictures' noise. */
  seed: number;
  signal?: AbortSignal;
}

/** What does not change while the personalizer learns: made once for a pair. */
export interface PreparedPair {
  request: PairRequest;
  input: PersonalizerInput;
  /** ρ^ref, ρ^key in standard deviations of the user's scores, CS / 100 of v^key. */
  reference: number;
  key: number;
  keyCaptionSimilarity: number;
}

/** A batch whose pictures are being drawn. */
export interface PendingRollouts {
  noises: Float32Array[][];
  /** The conditions drawn, and σ. */
  rendered: { actions: Float32Array[]; sigma: number }[];
  scored: Promise<ScoredImages[]>;
}

/** A pair's images, ranked; CS / 100 of each. */
export interface ScoredImages {
  whatIf: WhatIf;
  captionSimilarities: number[];
}

export interface ScoredRollouts {
  rollouts: Rollout[];
  /** Means over the batch of ρ - ρ^ref and ρ - ρ^key, in standard deviations, and of the reward. */
  overReference: number;
  overKey: number;
  reward: number;
}

export type PairRequest = Omit<CandidateRequest, "numImages">;

/** How a pair's images are drawn and ranked, whatever they attend to. */
export function rolloutRequest({ config, seed, shop }: RolloutParts, pair: Pair): PairRequest {
  const { guidanceScale, numSteps, strength } = config;
  const own = seedFrom("pair", seed, pair.userId, pair.itemId);
  return pairRequest(shop, pair, config, { seed: own, guidanceScale, numSteps, strength });
}

/** Inputs, v^key and its score for each pair. */
export async function preparePairs(
  parts: RolloutParts,
  model: Pick<PersonalizerModel, "promptIds">,
  pairs: readonly Pair[],
): Promise<PreparedPair[]> {
  const requests = pairs.map(pair => rolloutRequest(parts, pair));
  const inputs = await personalizerInputs(
    model,
    parts.encoder,
    requests.map(({ context }) => context),
  );
  return Promise.all(
    requests.map(async (request, index): Promise<PreparedPair> => {
      const { whatIf, captionSimilarities } = await scoreImages(
        parts,
        { ...request, numImages: 1 },
        { prompt: request.context.referencePrompt },
      );
      return {
        request,
        input: inputs[index],
        reference: whatIf.scoreBefore / whatIf.scoreDeviation,
        key: whatIf.candidates[0].score / whatIf.scoreDeviation,
        keyCaptionSimilarity: captionSimilarities[0],
      };
    }),
  );
}

/** Draws r noises for each pair and begins to render; nothing of the model is looked at after this returns. */
export function beginRollouts(
  parts: RolloutParts,
  model: Pick<PersonalizerModel, "policy">,
  prepared: readonly PreparedPair[],
  random: Random,
): PendingRollouts {
  const policies = model.policy(prepared.map(({ input }) => input));
  const noises = policies.map(({ mean }) =>
    Array.from({ length: parts.config.numRollouts }, () => random.normals(mean.length)),
  );
  const conditions = policies.map((policy, index) =>
    noises[index].map(noise => explored(policy, noise)),
  );
  const scored = scoreConditions(parts, prepared, conditions);
  scored.catch(() => undefined); // the caller awaits it and gets the error
  const rendered = conditions.map((actions, index) => ({ actions, sigma: policies[index].sigma }));
  return { noises, rendered, scored };
}

/** The rewards of what was drawn (Eq. 14). */
export async function scoreRollouts(
  { config }: Pick<RolloutParts, "config">,
  prepared: readonly PreparedPair[],
  { scored, noises, rendered }: PendingRollouts,
): Promise<ScoredRollouts> {
  const rollouts: Rollout[] = [];
  const sums = { overReference: 0, overKey: 0, reward: 0 };
  for (const [index, { whatIf }] of (await scored).entries()) {
    const { input, key, reference } = prepared[index];
    const generated = whatIf.candidates.map(({ score }) => score / whatIf.scoreDeviation);
    const earned = rewards(config.rewardMode, { reference, key, generated }, config.delta);
    rollouts.push({
      input,
      noises: noises[index],
      rewards: earned,
      rendered: rendered[index],
    });
    const share = 1 / (generated.length * prepared.length);
    generated.forEach((score, t) => {
      sums.overReference += share * (score - reference);
      sums.overKey += share * (score - key);
      sums.reward += share * earned[t];
    });
  }
  return { rollouts, ...sums };
}

/**
 * The image of each pair's policy mean, ranked: what the personalizer is worth without exploration.
 *
 * @param isUntrained Whether the images are kept: other trainings begin with the same ones.
 */
export function scoredMeans(
  parts: RolloutParts,
  model: Pick<PersonalizerModel, "policy">,
  prepared: readonly PreparedPair[],
  isUntrained: boolean,
): Promise<ScoredImages[]> {
  const policies: Policy[] = model.policy(prepared.map(({ input }) => input));
  return scoreConditions(
    parts,
    prepared,
    policies.map(({ mean }) => [mean]),
    isUntrained,
  );
}

async function scoreConditions(
  parts: RolloutParts,
  prepared: readonly PreparedPair[],
  conditions: readonly Float32Array[][],
  cache = false,
): Promise<ScoredImages[]> {
  return Promise.all(
    prepared.map(({ request }, index) => {
      const own = conditions[index];
      const images = { ...request, sharesNoise: true, numImages: own.length };
      return scoreImages(parts, images, { prompt: "", conditions: own }, cache);
    }),
  );
}

/** @param cache Whether the images are kept and found again. */
async function scoreImages(
  { path, signal }: RolloutParts,
  request: CandidateRequest,
  condition: ImageCondition,
  cache = true,
): Promise<ScoredImages> {
  const candidates = await drawCandidates(path, request, condition, { cache, signal });
  const { context } = request;
  return {
    whatIf: requireWhatIf(candidates, context),
    captionSimilarities: candidates.embeddings.map(embedding =>
      dot(embedding, context.referenceCaptionEmbedding),
    ),
  };
}
