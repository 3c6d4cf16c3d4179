/**
 * @file The gain on a shopper's taste, chosen by the rank reward (Eq. 14): METHOD.md's rewards, by a direct search in place of the
 * policy gradient (docs/adr/0008).
 */
import { mean } from "../../ml/metrics/bootstrap.js";
import { rewards } from "../../ml/reflection/rank-reward.js";
import type { PersonalizerModel } from "../images/personalizer-model.js";
import type { Pair } from "./pairs.js";
import type { PersonalizerTrainingConfig } from "./personalizer-training-config.js";
import { scoredMeans, preparedPairs, type RolloutParts } from "./rollouts.js";

/** What a gain on the taste earned. A type and not an interface, so that it passes as JSON. */
export type GainTrial = Readonly<{
  gain: number;
  /** Mean over pairs (Eq. 14). */
  reward: number;
  captionSimilarity: number;
  isEligible: boolean;
}>;

/** Whether there is more than one gain, a taste to apply it to and a reward to choose by. */
export function triesGains({ gains, k, model }: PersonalizerTrainingConfig): boolean {
  return gains.length > 1 && k > 0 && model.beta !== 0;
}

/**
 * Gives the model the gain whose pictures earn most (Eq. 14) among those that keep the CS floor, on pairs to learn from: a direct
 * search, since one number that all pairs share is found sooner by trying than by the gradient of noisy rollouts.
 */
export async function triedGains({
  model,
  parts,
  train,
}: {
  model: Pick<PersonalizerModel, "amplify" | "policy" | "promptIds">;
  parts: RolloutParts;
  train: readonly Pair[];
}): Promise<GainTrial[]> {
  const { captionFloorShare, delta, gains, numGainPairs, rewardMode } = parts.config;
  if (!triesGains(parts.config)) {
    return [];
  }
  const prepared = await preparedPairs(parts, model, train.slice(0, numGainPairs));
  const floor = captionFloorShare * mean(prepared.map(pair => pair.keyCaptionSimilarity));
  const trials: GainTrial[] = [];
  for (const gain of gains) {
    model.amplify(gain);
    const scored = await scoredMeans(parts, model, prepared, true);
    const earned = scored.map(({ pair: { images, scale } }, index) => {
      const generated = images.map(({ score }) => score / scale);
      const [reward] = rewards(rewardMode, { ...prepared[index], generated }, delta);
      return reward;
    });
    const captionSimilarity = mean(scored.map(({ captionSimilarities: [own] }) => own));
    const isEligible = captionSimilarity >= floor;
    trials.push({ gain, reward: mean(earned), captionSimilarity, isEligible });
  }
  const eligible = trials.filter(trial => trial.isEligible);
  const best = eligible.reduce<GainTrial | null>(
    (most, trial) => (most && most.reward >= trial.reward ? most : trial),
    null,
  );
  model.amplify(best?.gain ?? 1);
  return trials;
}
