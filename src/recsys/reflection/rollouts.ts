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
import type { CachedImageGenerator, CachedImageRequest } from "../images/cached-image-generator.js";
import type { ScoredPair, ImageScorer } from "../images/image-scorer.js";
import {
  explored,
  type PersonalizerInput,
  personalizerInputs,
  type PersonalizerModel,
  type Policy,
  type Rollout,
} from "../images/personalizer-model.js";
import { generatorPrompt } from "../retrieval/prompt.js";
import { type Pair, pairRetrieval } from "./pairs.js";
import type { PersonalizerTrainingConfig } from "./personalizer-training-config.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

export interface RolloutParts {
  shop: ShopSnapshot;
  scorer: ImageScorer;
  imageGenerator: Pick<CachedImageGenerator, "draw">;
  encoder: Pick<ConditionEncoder, "encodeTexts" | "projectImage">;
  config: PersonalizerTrainingConfig;
  /** Of the pictures' noise. */
  seed: number;
  signal?: AbortSignal;
}

/** What does not change while the personalizer learns: made once for a pair. */
export interface PreparedPair {
  pair: Pair;
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
  scored: Promise<{ pair: ScoredPair; captionSimilarities: number[] }[]>;
}

export interface ScoredRollouts {
  rollouts: Rollout[];
  /** Means over the batch of ρ - ρ^ref and ρ - ρ^key, in standard deviations, and of the reward. */
  overReference: number;
  overKey: number;
  reward: number;
}

type RenderKnobs = Pick<
  CachedImageRequest,
  "blobHash" | "guidanceScale" | "numSteps" | "seed" | "strength"
>;

/** How a pair's pictures are drawn, whatever they attend to. */
export function renderKnobs(
  { config, seed }: Pick<RolloutParts, "config" | "seed">,
  pair: Pair,
): RenderKnobs {
  const { guidanceScale, numSteps, strength } = config;
  const own = seedFrom("pair", seed, pair.userId, pair.itemId);
  return { blobHash: pair.blobHash, guidanceScale, numSteps, seed: own, strength };
}

/** Inputs, v^key and its score for each pair. */
export async function preparedPairs(
  parts: RolloutParts,
  model: Pick<PersonalizerModel, "promptIds">,
  pairs: readonly Pair[],
): Promise<PreparedPair[]> {
  const { config, encoder, scorer, shop, signal, imageGenerator } = parts;
  const contexts = pairs.map(pair => pairRetrieval(shop, pair, config));
  const inputs = await personalizerInputs(model, encoder, contexts);
  return Promise.all(
    pairs.map(async (pair, index): Promise<PreparedPair> => {
      const { referenceCaptionEmbedding, referenceKeywords } = contexts[index];
      const prompt = generatorPrompt(referenceKeywords, [], shop.items.get(pair.itemId)!.title);
      const request = { ...renderKnobs(parts, pair), prompt, numImages: 1 };
      const [{ embedding }] = await imageGenerator.draw(request, { signal });
      const { images, reference, scale } = scorer.score(pair, [embedding]);
      return {
        pair,
        input: inputs[index],
        reference: reference.score / scale,
        key: images[0].score / scale,
        keyCaptionSimilarity: dot(embedding, referenceCaptionEmbedding!),
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
  const scored = scoredImages(parts, prepared, conditions);
  scored.catch(() => undefined); // whoever waits for it hears of the fault
  const rendered = conditions.map((actions, index) => ({ actions, sigma: policies[index].sigma }));
  return { noises, rendered, scored };
}

/** The rewards of what was drawn (Eq. 14). */
export async function scoredRollouts(
  { config }: Pick<RolloutParts, "config">,
  prepared: readonly PreparedPair[],
  { scored, noises, rendered }: PendingRollouts,
): Promise<ScoredRollouts> {
  const rollouts: Rollout[] = [];
  const sums = { overReference: 0, overKey: 0, reward: 0 };
  for (const [index, { pair }] of (await scored).entries()) {
    const { input, key, reference } = prepared[index];
    const generated = pair.images.map(({ score }) => score / pair.scale);
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
 * The picture of each pair's policy mean, judged: what the personalizer is worth without exploration.
 *
 * @param isUntrained Whether the pictures are kept: other trainings begin with the same ones.
 */
export function scoredMeans(
  parts: RolloutParts,
  model: Pick<PersonalizerModel, "policy">,
  prepared: readonly PreparedPair[],
  isUntrained: boolean,
): ReturnType<typeof scoredImages> {
  const policies: Policy[] = model.policy(prepared.map(({ input }) => input));
  return scoredImages(
    parts,
    prepared,
    policies.map(({ mean }) => [mean]),
    isUntrained,
  );
}

async function scoredImages(
  parts: RolloutParts,
  prepared: readonly PreparedPair[],
  conditions: readonly Float32Array[][],
  keep = false,
): Promise<{ pair: ScoredPair; captionSimilarities: number[] }[]> {
  const { scorer, shop, signal, imageGenerator } = parts;
  return Promise.all(
    prepared.map(async ({ pair }, index) => {
      const own = conditions[index];
      const drawn = await imageGenerator.draw(
        {
          ...renderKnobs(parts, pair),
          prompt: "",
          conditions: own,
          sharesNoise: true,
          numImages: own.length,
        },
        { signal, keep },
      );
      const embeddings = drawn.map(({ embedding }) => embedding);
      const caption = shop.items.get(pair.itemId)!.captionEmbedding!;
      return {
        pair: scorer.score(pair, embeddings),
        captionSimilarities: embeddings.map(embedding => dot(embedding, caption)),
      };
    }),
  );
}
