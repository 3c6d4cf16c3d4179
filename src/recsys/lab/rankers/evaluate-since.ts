/**
 * @file Compares trained versions on what users chose after all of them were trained: the only figures that no training
 * could see, and that include the refit.
 *
 * Each version scores as it serves: a user whose choices are those of its training by their own vector, everyone else by
 * fold-in. Only items that every version ranks compete, and only users whom every version can score count, so that the
 * paired tests have one question; the rest is counted.
 */
import type { FeedbackRules } from "../../../config/feedback-rules.js";
import { choicesOf } from "../../../db/choices.js";
import { AppError } from "../../../errors/app-error.js";
import {
  allRankingMetrics,
  evaluateRanker,
  type RankerEvaluation,
} from "../../evaluation/evaluate-ranker.js";
import type { LoadedRanker } from "../../ranking/ranker-artefact.js";
import type { InteractionEntry } from "../../ranking/ranking-dataset.js";

export interface DatedRanker {
  name: string;
  ranker: LoadedRanker;
  /** The newest interaction that its training may have seen. */
  trainedUntil: Date;
}

export interface SinceOptions {
  /** Choices from this time on are to be found, if they are newer than every training. */
  since: Date;
  /** What counts as chosen. */
  feedback: FeedbackRules;
  cutoffs: readonly number[];
}

export interface SinceEvaluation {
  /** Choices from here on were to be found: the time asked for, or the end of the newest training data. */
  from: Date;
  /** In the order of the versions; all over the same users. */
  evaluations: RankerEvaluation[];
  numUsers: number;
  /** Choices to be found. */
  numInteractions: number;
  numItems: number;
  /** New choices that do not count: of items that a version does not rank, or of users whom one cannot score. */
  leftOut: { newItems: number; unknownUsers: number };
}

/** A user's choices before and after the cut; item ids. */
interface Choices {
  userId: string;
  before: { itemId: string; strength: number }[];
  after: string[];
}

/** @throws AppError NOTHING_SINCE */
export async function evaluateSince(
  versions: readonly DatedRanker[],
  interactions: readonly InteractionEntry[],
  { since, feedback, cutoffs }: SinceOptions,
): Promise<SinceEvaluation> {
  const newest = Math.max(...versions.map(({ trainedUntil }) => trainedUntil.getTime() + 1));
  const from = new Date(Math.max(since.getTime(), newest));
  const [first, ...others] = versions.map(({ ranker }) => ranker);
  const itemIds = first.itemIds.filter(id => others.every(other => other.itemIndexOf.has(id)));
  const indexOf = new Map(itemIds.map((id, index) => [id, index]));
  const leftOut = { newItems: 0, unknownUsers: 0 };
  const users: { choices: Choices; scorers: (() => Float32Array)[] }[] = [];
  for (const choices of choicesAround(interactions, from, feedback)) {
    const known = choices.after.filter(id => indexOf.has(id));
    leftOut.newItems += choices.after.length - known.length;
    const scorers = versions.flatMap(({ ranker }) => scorerOf(ranker, choices) ?? []);
    if (scorers.length < versions.length) {
      leftOut.unknownUsers += known.length;
    } else if (known.length > 0) {
      users.push({ choices: { ...choices, after: known }, scorers });
    }
  }
  if (users.length === 0) {
    throw new AppError("NOTHING_SINCE", { time: from.toISOString() });
  }
  const indices = (ids: readonly string[]) =>
    Int32Array.from(ids.flatMap(id => indexOf.get(id) ?? [])).sort();
  const heldOut = users.map(({ choices }) => indices(choices.after));
  const seen = users.map(({ choices }) => indices(choices.before.map(({ itemId }) => itemId)));
  const evaluations: RankerEvaluation[] = [];
  for (const [place, { ranker }] of versions.entries()) {
    const places = itemIds.map(id => ranker.itemIndexOf.get(id)!); // all have it
    const model = {
      score(user: number) {
        const scores = users[user].scorers[place]();
        return Float32Array.from(places, index => scores[index]);
      },
    };
    const metrics = allRankingMetrics;
    evaluations.push(await evaluateRanker(model, heldOut, [seen], { metrics, cutoffs }));
  }
  return {
    from,
    evaluations,
    numUsers: users.length,
    numInteractions: heldOut.reduce((sum, items) => sum + items.length, 0),
    numItems: itemIds.length,
    leftOut,
  };
}

/** Users with choices after the cut. */
function choicesAround(
  interactions: readonly InteractionEntry[],
  from: Date,
  feedback: FeedbackRules,
): Iterable<Choices> {
  const users = new Map<string, Choices>();
  const of = (userId: string) => {
    const known = users.get(userId) ?? { userId, before: [], after: [] };
    users.set(userId, known);
    return known;
  };
  const before = interactions.filter(({ occurredAt }) => occurredAt < from);
  for (const { userId, itemId, strength } of choicesOf(before, feedback)) {
    of(userId).before.push({ itemId, strength });
  }
  for (const { userId, itemId, firstAt } of choicesOf(interactions, feedback)) {
    if (firstAt >= from) {
      of(userId).after.push(itemId);
    }
  }
  return [...users.values()].filter(({ after }) => after.length > 0);
}

/** How a version scores all of its items for the user; null if it knows neither the user nor their items. */
function scorerOf(ranker: LoadedRanker, { before, userId }: Choices): (() => Float32Array) | null {
  const { itemIndexOf, model, userIndexOf } = ranker;
  const chosen = before.filter(({ itemId }) => itemIndexOf.has(itemId));
  const userIndex = userIndexOf.get(userId);
  if (
    userIndex !== undefined &&
    ranker.hadChosen(
      userIndex,
      chosen.map(({ itemId }) => itemId),
    )
  ) {
    return () => model.score(userIndex);
  }
  const history = chosen.map(({ itemId }) => itemIndexOf.get(itemId)!); // filtered above
  const strengths = chosen.map(({ strength }) => strength);
  return history.length === 0 ? null : () => model.scoreHistory(history, strengths);
}
