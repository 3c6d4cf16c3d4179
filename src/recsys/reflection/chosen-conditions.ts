/**
 * @file The conditions that P^gen is trained toward where the reward does not teach it by rollouts: a choice from each pair's menu.
 *
 * - `critic`: the best by a bilinear ridge critic of the bank's margins (user and reference x condition).
 * - `distill`: each bank pair's best condition, as it was drawn (expert iteration; T. Anthony et al., "Thinking Fast and Slow with
 *   Deep Learning and Tree Search", 2017).
 * - `surrogate`: the best by the ranking model's own gradient at the image's feature, which a bilinear map predicts from condition
 *   and reference.
 *
 * All are fitted on training users' images and scores alone. Where no condition is expected to gain, the choice is that of an
 * untrained P^gen.
 */
import { AppError } from "../../errors/app-error.js";
import { dot, type Matrix, matrix, row } from "../../ml/nn/matrix.js";
import { hasFeatureGradient } from "../../ml/ranking/recommender.js";
import {
  type ConditionEffect,
  effectOf,
  fitConditionEffect,
  type ObservedPair,
} from "../../ml/reflection/condition-effect.js";
import type { PictureRanker } from "../ranking/picture-ranker.js";
import { IMAGE_MODALITY } from "../ranking/ranked-item.js";
import { bankMargins, type LeftOut, type MarginRow } from "./bank-margins.js";
import { conditionMenu, type MenuCondition, TOP } from "./condition-menu.js";
import type { ConditionBank } from "./kept-bank.js";
import { type PairFeatures, pairFeatures } from "./pair-features.js";
import { type Pair, pairContext } from "./pairs.js";
import type { PersonalizerTrainingConfig } from "./personalizer-training-config.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

/** Modes of `rewardTraining` that learn from a bank. */
export type BankMode = "critic" | "distill" | "surrogate";

/** A pair with what its image should attend to. */
export interface ChosenCondition {
  pair: Pair;
  /** A CLIP image embedding; `[E]`. */
  embedding: Float32Array;
  /** Its name in the menu. */
  name: string;
}

/** How the choice came to be; a type and not an interface, so that it passes as JSON. */
export type ChoiceReport = Readonly<{
  mode: BankMode;
  bank: string;
  numBankImages: number;
  /** Images that this training drew; the others were kept. */
  numDrawn: number;
  /** How many pairs each condition of the menu was chosen for, by its name; those of none are left out. */
  numChosen: Readonly<Record<string, number>>;
  leftOut: LeftOut;
  /** Of the critic or surrogate, on users or pairs held out of its fit; null for `distill`. */
  heldOutR2: number | null;
  /** Its ridge's strength; null for `distill`. */
  lambda: number | null;
}>;

interface Parts {
  shop: ShopSnapshot;
  ranker: PictureRanker;
  config: Pick<PersonalizerTrainingConfig, "historyLimit" | "k">;
  /** Whether an untrained P^gen is the ranking model's own preference, which then stays where nothing gains; default: P^ret does. */
  startsAtRanker?: boolean;
}

/**
 * @param train The pairs to choose for; `distill` can only choose for those of the bank.
 * @throws AppError TOO_FEW_PAIRS where the bank's images change nobody's score; TRAINING_DIVERGED where no score is a number;
 *   INVALID_ARGUMENT for `surrogate` with a ranking model whose score has no gradient at an image's feature.
 */
export async function chosenConditions(
  mode: BankMode,
  parts: Parts,
  bank: ConditionBank,
  train: readonly Pair[],
): Promise<{ chosen: ChosenCondition[]; report: ChoiceReport }> {
  const { entries, key, numDrawn } = bank;
  const numBankImages = entries.reduce((sum, { features }) => sum + features.shape[0], 0);
  const about = { mode, bank: key, numBankImages, numDrawn };
  if (mode === "surrogate") {
    const { chosen, effect } = bySurrogate(parts, bank, train);
    const leftOut = { noImage: 0, noMargin: 0, notFinite: 0 };
    return { chosen, report: { ...about, ...effect, leftOut, numChosen: countsOf(chosen) } };
  }
  const { leftOut, rows } = await bankMargins(parts, entries);
  assertTaught(rows, leftOut);
  if (mode === "distill") {
    const chosen = rows.map(({ entry, margins }): ChosenCondition => {
      const place = margins.indexOf(Math.max(...margins));
      return {
        pair: entry.pair,
        name: entry.names[place],
        embedding: row(entry.conditions, place),
      };
    });
    const fit = { heldOutR2: null, lambda: null };
    return { chosen, report: { ...about, ...fit, leftOut, numChosen: countsOf(chosen) } };
  }
  const { chosen, effect } = byCritic(parts, rows, train);
  return { chosen, report: { ...about, ...effect, leftOut, numChosen: countsOf(chosen) } };
}

/** @throws AppError TOO_FEW_PAIRS; TRAINING_DIVERGED where most of what is left out is no number. */
export function assertTaught(rows: readonly MarginRow[], { noMargin, notFinite }: LeftOut): void {
  const users = new Set(rows.map(({ entry }) => entry.pair.userIndex));
  if (users.size < 2) {
    throw notFinite > noMargin
      ? new AppError("TRAINING_DIVERGED", { model: "personalizer" })
      : new AppError("TOO_FEW_PAIRS", { needed: 2, got: users.size });
  }
}

type Fit = Pick<ChoiceReport, "heldOutR2" | "lambda">;

function byCritic(
  parts: Parts,
  rows: readonly MarginRow[],
  train: readonly Pair[],
): { chosen: ChosenCondition[]; effect: Fit } {
  const features = pairFeatures(parts.shop);
  const { heldOutR2, lambda, weights } = fitConditionEffect(
    rows.map(({ entry, margins }): ObservedPair => {
      const { pair } = entry;
      const context = features.ofPair(pair);
      const conditions = features.ofConditions(rowsOf(entry.conditions));
      const outcomes = matrix([margins.length, 1], Float32Array.from(margins));
      return { context, conditions, outcomes, group: pair.userIndex };
    }),
  );
  const gains = {
    weights,
    features,
    contextOf: (pair: Pair) => features.ofPair(pair),
    directionOf: () => one,
  };
  return { chosen: choices(parts, train, gains), effect: { heldOutR2, lambda } };
}

const one = Float32Array.of(1);

function bySurrogate(
  parts: Parts,
  { entries }: ConditionBank,
  train: readonly Pair[],
): { chosen: ChosenCondition[]; effect: Fit } {
  const { model } = parts.shop.ranker;
  if (!hasFeatureGradient(model, IMAGE_MODALITY)) {
    const problem =
      `'surrogate' needs a ranking model whose score has a gradient at an image's feature (VBPR, MICRO with a visual ` +
      `head), but the active one is ${model.algorithm} without it`;
    throw new AppError("INVALID_ARGUMENT", { argument: "rewardTraining", problem });
  }
  const features = pairFeatures(parts.shop);
  const { heldOutR2, lambda, weights } = fitConditionEffect(
    entries.map(({ conditions, features: outcomes, pair }): ObservedPair => {
      const context = features.ofReference(pair);
      return {
        context,
        conditions: features.ofConditions(rowsOf(conditions)),
        outcomes,
        group: pair.userIndex,
      };
    }),
  );
  const directionOf = ({ userIndex }: Pair) => model.featureGradient({ userIndex }, IMAGE_MODALITY);
  const gains = {
    weights,
    features,
    contextOf: (pair: Pair) => features.ofReference(pair),
    directionOf,
  };
  return { chosen: choices(parts, train, gains), effect: { heldOutR2, lambda } };
}

interface Gains extends Pick<ConditionEffect, "weights"> {
  features: PairFeatures;
  contextOf: (pair: Pair) => Float32Array;
  /** What the outcomes are weighted by; `[O]`. */
  directionOf: (pair: Pair) => Float32Array;
}

/** The condition of the greatest expected gain over that of an untrained P^gen, which stays where none has one. */
function choices(parts: Parts, train: readonly Pair[], gains: Gains): ChosenCondition[] {
  return train.flatMap((pair): ChosenCondition[] => {
    const menu = menuOf(parts, pair);
    if (!menu) {
      return [];
    }
    const context = gains.contextOf(pair);
    const direction = gains.directionOf(pair);
    const conditions = gains.features.ofConditions(menu.map(({ embedding }) => embedding));
    const gainOf = (n: number) => dot(effectOf(gains, context, row(conditions, n)), direction);
    const start = parts.startsAtRanker ? menu.findIndex(({ name }) => name === TOP) : 0;
    let [place, most] = [start, gainOf(start)];
    for (let n = 0; n < menu.length; n++) {
      const gain = gainOf(n);
      if (gain > most) {
        [place, most] = [n, gain];
      }
    }
    return [{ pair, ...menu[place] }];
  });
}

/** Null where nothing is retrieved. */
function menuOf({ config, shop }: Parts, pair: Pair): MenuCondition[] | null {
  const { preferenceEmbedding: retrieved } = pairContext(shop, pair, config);
  return retrieved && conditionMenu(shop, pair, { ...config, retrieved });
}

const rowsOf = (rows: Matrix) => Array.from({ length: rows.shape[0] }, (_, n) => row(rows, n));

function countsOf(chosen: readonly ChosenCondition[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { name } of chosen) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}
