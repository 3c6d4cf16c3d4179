/**
 * @file What the reward critic and the surrogate know of a pair and of a condition, as small vectors.
 *
 * Shapes: U user components, R reference components, C condition components, N conditions of the menu.
 */
import { addScaled, dot, type Matrix, matrix, row } from "../../ml/nn/matrix.js";
import { isInductive } from "../../ml/ranking/recommender.js";
import {
  componentsOf,
  type PrincipalComponents,
  principalComponents,
} from "../../ml/reflection/principal-components.js";
import { type Pair, userPartOf } from "./pairs.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

/** Few of each, so that a bank of some thousand images settles their weights. */
const [NUM_USER, NUM_REFERENCE, NUM_CONDITION] = [4, 4, 8];
/** Samples of a principal component analysis. */
const MAX_SAMPLES = 1_000;

type Reference = Pick<Pair, "itemId" | "itemIndex">;

export interface PairFeatures {
  /** `[1, reference]`; `[1 + R]`. What an image depends on. */
  ofReference(reference: Reference): Float32Array;
  /** `[1, reference, user, fit]`; `[1 + R + U + 2]`. What a score depends on. */
  ofPair(pair: Reference & Pick<Pair, "userIndex">): Float32Array;
  /** Of each condition of a menu: which it is, and how it differs from the first; `[N, N - 1 + C]`. */
  ofConditions(menu: readonly Float32Array[]): Matrix;
}

/** Components are those of training users and of the catalogue: no other user's vector is looked at before it is asked for. */
export function pairFeatures(shop: ShopSnapshot): PairFeatures {
  const { items, ranker, userIds } = shop;
  const teaching = [...userIds.keys()].filter(user => userPartOf(userIds[user]) === "train");
  const users = componentsOfSamples(
    teaching.slice(0, MAX_SAMPLES).map(user => userVector(shop, user)),
    NUM_USER,
  );
  const images = [...items.values()].flatMap(({ imageEmbedding }) => imageEmbedding ?? []);
  const catalogue = componentsOfSamples(images.slice(0, MAX_SAMPLES), NUM_CONDITION);
  const ofReference: PairFeatures["ofReference"] = ({ itemId }) =>
    joined(
      [1],
      componentsOf(catalogue, items.get(itemId)!.imageEmbedding!).subarray(0, NUM_REFERENCE), // a pair has one
    );
  return {
    ofReference,
    ofPair: pair => {
      const { itemIndex, userIndex } = pair;
      const scores = ranker.model.score(userIndex);
      const user = componentsOf(users, userVector(shop, userIndex));
      return joined(ofReference(pair), user, [
        standardScore(scores, itemIndex),
        likeness(shop, pair),
      ]);
    },
    ofConditions: menu => {
      const N = menu.length;
      const C = catalogue.spreads.length;
      const features = matrix([N, N - 1 + C]);
      const first = componentsOf(catalogue, menu[0]);
      for (let n = 1; n < N; n++) {
        const own = row(features, n);
        own[n - 1] = 1;
        own.set(
          componentsOf(catalogue, menu[n]).map((value, c) => value - first[c]),
          N - 1,
        );
      }
      return features;
    },
  };
}

/** How far the user's score of the item lies above the user's mean, in standard deviations. */
function standardScore(scores: Float32Array, itemIndex: number): number {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length;
  return (scores[itemIndex] - mean) / (Math.sqrt(variance) || 1);
}

/** Mean cosine of the reference's image and the user's train items': whether the item looks like the user's taste. */
function likeness(
  { items, ranker, split }: ShopSnapshot,
  { itemId, itemIndex, userIndex }: Reference & Pick<Pair, "userIndex">,
): number {
  const reference = unit(items.get(itemId)!.imageEmbedding!);
  const others = Array.from(split.train[userIndex])
    .filter(item => item !== itemIndex)
    .flatMap(item => items.get(ranker.itemIds[item])?.imageEmbedding ?? []);
  const sum = others.reduce((total, image) => total + dot(unit(image), reference), 0);
  return others.length > 0 ? sum / others.length : 0;
}

/** The ranking model's, of unit length; or the mean image of the user's train items where it has none. */
function userVector({ items, ranker, split }: ShopSnapshot, userIndex: number): Float32Array {
  const { itemIds, model } = ranker;
  if (isInductive(model)) {
    return unit(model.userVectorOf({ userIndex }));
  }
  const images = Array.from(split.train[userIndex], item => items.get(itemIds[item]));
  const known = images.flatMap(item => item?.imageEmbedding ?? []);
  const sum = new Float32Array(known[0]?.length ?? 0);
  known.forEach(image => {
    addScaled(sum, image, 1);
  });
  return unit(sum);
}

function unit(values: Float32Array): Float32Array {
  const length = Math.hypot(...values);
  return length > 0 ? values.map(value => value / length) : values;
}

function componentsOfSamples(samples: readonly Float32Array[], count: number): PrincipalComponents {
  const rows: Matrix = matrix([samples.length, samples[0].length]);
  samples.forEach((values, at) => row(rows, at).set(values));
  return principalComponents(rows, count);
}

function joined(...parts: readonly ArrayLike<number>[]): Float32Array {
  return Float32Array.from(parts.flatMap(part => Array.from(part)));
}
