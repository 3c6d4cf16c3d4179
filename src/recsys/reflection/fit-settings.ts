/**
 * @file Fits a policy over settings (`ml/reflection/setting-policy.ts`) to a bank of drawn ones: on training users' images and scores
 * alone.
 *
 * Shapes: N settings of a pair, E width of CLIP's features, P probes, K features of a setting.
 */
import { AppError } from "../../errors/app-error.js";
import { addScaled, dot, type Matrix, matrix, row } from "../../ml/nn/matrix.js";
import { fitConditionEffect, type ObservedPair } from "../../ml/reflection/condition-effect.js";
import {
  type PrincipalComponents,
  principalComponents,
} from "../../ml/reflection/principal-components.js";
import { ridgeByGroups } from "../../ml/reflection/ridge.js";
import {
  criticContext,
  probeResponses,
  probesOf,
  SettingPolicy,
  type SettingPolicyMode,
  type SettingPolicyParts,
  surrogateInput,
} from "../../ml/reflection/setting-policy.js";
import { decodeSetting } from "../../ml/studio/setting.js";
import { featuresOf } from "../images/trained-setting-method.js";
import type { PictureRanker } from "../ranking/picture-ranker.js";
import { bankMargins, type LeftOut, type MarginRow } from "./bank-margins.js";
import { assertTaught } from "./chosen-conditions.js";
import { type BankEntry, type ConditionBank, rowsOf } from "./kept-bank.js";
import { trainItemIds } from "./pairs.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

/** Components of the reference, directions of the critic's probes, and of the surrogate: few, so that some thousand images settle the weights. */
const [NUM_REFERENCE, NUM_MOVES, NUM_PREDICTED] = [4, 8, 16];
/** Catalogue images of a principal component analysis. */
const MAX_SAMPLES = 1_000;

/** How a policy came to be; a type and not an interface, so that it passes as JSON. */
export type SettingReport = Readonly<{
  mode: SettingPolicyMode;
  bank: string;
  numBankImages: number;
  /** Images that this training drew for it; the others were kept. */
  numDrawn: number;
  leftOut: LeftOut;
  /** Of the variance within pairs, on users held out of the fit. */
  heldOutR2: number;
  /** The ridge's strength. */
  lambda: number;
}>;

interface Parts {
  shop: ShopSnapshot;
  ranker: PictureRanker;
}

/**
 * @param captionShare As of the policy.
 * @throws AppError TOO_FEW_PAIRS where the bank's images change nobody's score; TRAINING_DIVERGED where no score is a number.
 */
export async function fitSettings(
  { captionShare, mode }: Pick<SettingPolicyParts, "captionShare" | "mode">,
  parts: Parts,
  { entries, key, numDrawn }: ConditionBank,
): Promise<{ policy: SettingPolicy; report: SettingReport }> {
  const { leftOut, rows } = await bankMargins(parts, entries);
  assertTaught(rows, leftOut);
  const catalogue = catalogueComponents(parts.shop);
  const fit =
    mode === "critic"
      ? await criticFit(parts, catalogue, rows)
      : surrogateFit(parts, catalogue, rows);
  const { heldOutR2, lambda, moves, numUnknown, weights } = fit;
  const all = { ...leftOut, notFinite: leftOut.notFinite + numUnknown };
  const numBankImages = entries.reduce((sum, { features }) => sum + features.shape[0], 0);
  return {
    policy: new SettingPolicy({ mode, captionShare, catalogue, moves, weights }),
    report: { mode, bank: key, numBankImages, numDrawn, leftOut: all, heldOutR2, lambda },
  };
}

interface Fit {
  moves: PrincipalComponents;
  weights: Matrix;
  heldOutR2: number;
  lambda: number;
  /** Pairs whose probes have no answer in numbers. */
  numUnknown: number;
}

/** The gains of the scores. */
async function criticFit(
  parts: Parts,
  catalogue: PrincipalComponents,
  scored: readonly MarginRow[],
): Promise<Fit> {
  const features = scored.map(({ entry }) => entry.features);
  const moves = principalComponents(rowsOf(features.flatMap(lessMean)), NUM_MOVES);
  const pairs: ObservedPair[] = [];
  for (const { entry, margins } of scored) {
    const responses = await responsesOf(parts, moves, entry);
    if (responses) {
      pairs.push({
        context: criticContext(catalogue, imageOf(parts, entry), responses),
        conditions: featuresOf(settingsOf(entry)),
        outcomes: matrix([margins.length, 1], Float32Array.from(margins)),
        group: entry.pair.userIndex,
      });
    }
  }
  if (new Set(pairs.map(({ group }) => group)).size < 2) {
    throw new AppError("TRAINING_DIVERGED", { model: "personalizer" });
  }
  return { ...fitConditionEffect(pairs), moves, numUnknown: scored.length - pairs.length };
}

/** The features of the images, from that of the catalogue image. */
function surrogateFit(
  parts: Parts,
  catalogue: PrincipalComponents,
  rows: readonly MarginRow[],
): Fit {
  const examples = rows.flatMap(({ entry }) => {
    const image = imageOf(parts, entry);
    const settings = featuresOf(settingsOf(entry));
    return Array.from({ length: settings.shape[0] }, (_, n) => {
      const move = row(entry.features, n).slice();
      addScaled(move, image, -1);
      const input = surrogateInput(catalogue, image, row(settings, n));
      return { input, move, group: entry.pair.userIndex };
    });
  });
  const moves = principalComponents(rowsOf(examples.map(({ move }) => move)), NUM_PREDICTED);
  const { directions } = moves;
  const places = examples.map(({ move }) =>
    Float32Array.from({ length: directions.shape[0] }, (_, j) => dot(row(directions, j), move)),
  );
  const fitted = ridgeByGroups({
    inputs: rowsOf(examples.map(({ input }) => input)),
    outputs: rowsOf(places),
    groups: examples.map(({ group }) => group),
  });
  return { ...fitted, moves, numUnknown: 0 };
}

function catalogueComponents({ items }: ShopSnapshot): PrincipalComponents {
  const images = [...items.values()].flatMap(({ imageEmbedding }) => imageEmbedding ?? []);
  return principalComponents(rowsOf(images.slice(0, MAX_SAMPLES)), NUM_REFERENCE);
}

/** Features of a pair less their mean. */
function lessMean(features: Matrix): Float32Array[] {
  const [N, width] = features.shape;
  const mean = new Float32Array(width);
  for (let n = 0; n < N; n++) {
    addScaled(mean, row(features, n), 1 / N);
  }
  return Array.from({ length: N }, (_, n) => {
    const move = row(features, n).slice();
    addScaled(move, mean, -1);
    return move;
  });
}

/** Null where the ranking model knows nothing of the user or the item, or an answer is not a number. */
async function responsesOf(
  parts: Parts,
  moves: PrincipalComponents,
  entry: BankEntry,
): Promise<Float32Array | null> {
  const { pair } = entry;
  const viewer = { userId: pair.userId, seenItemIds: trainItemIds(parts.shop, pair) };
  const probes = probesOf(moves, imageOf(parts, entry));
  const whatIf = await parts.ranker.whatIf(viewer, pair.itemId, probes);
  const scores = whatIf?.candidates.map(({ score }) => score) ?? [];
  return whatIf && probeResponses(scores, whatIf.scoreDeviation);
}

const imageOf = ({ shop }: Parts, { pair }: BankEntry) =>
  shop.items.get(pair.itemId)!.imageEmbedding!; // a pair has one

const settingsOf = ({ conditions }: BankEntry) =>
  Array.from({ length: conditions.shape[0] }, (_, n) => decodeSetting(row(conditions, n)));

/** @throws AppError INVALID_ARGUMENT for a mode that settings cannot be trained by. */
export function settingModeOf(asked: string | undefined): SettingPolicyMode {
  if (asked === undefined || asked === "critic" || asked === "surrogate") {
    return asked ?? "surrogate";
  }
  const problem = `must be 'critic' or 'surrogate' for photographs, but is '${asked}'`;
  throw new AppError("INVALID_ARGUMENT", { argument: "rewardTraining", problem });
}
