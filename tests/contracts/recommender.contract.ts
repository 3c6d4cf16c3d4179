/** @file The contract of every {@link Recommender}, on a checkerboard whose right answer is known by construction. */
import * as tf from "@tensorflow/tfjs";
import { dot, matrix, row } from "../../src/ml/nn/matrix.js";
import type { ModelFiles } from "../../src/ml/nn/model-files.js";
import { Random } from "../../src/ml/nn/random.js";
import {
  type EpochReport,
  isInductive,
  type RankingData,
  type Recommender,
} from "../../src/ml/ranking/recommender.js";
import { hasVectors } from "../../src/ml/ranking/vector-recommender.js";

const SIZE = 20;

/**
 * Even users chose the even items, odd users the odd ones; each user's own index is withheld. Even items have similar
 * images and texts, and so have odd ones.
 */
export function checkerboard(): RankingData {
  const features = (F: number, seed: number) => {
    const result = matrix(
      [SIZE, F],
      new Random(seed).normals(SIZE * F).map(noise => noise / 10),
    );
    for (let item = 0; item < SIZE; item++) {
      row(result, item)[item % 2] += 1;
    }
    return result;
  };
  return {
    numUsers: SIZE,
    numItems: SIZE,
    train: Array.from({ length: SIZE }, (_, user) =>
      Int32Array.from(itemsLike(user).filter(item => item !== user)),
    ),
    modalities: [
      { name: "visual", features: features(6, 1) },
      { name: "textual", features: features(4, 2) },
    ],
  };
}

/** All users chose the same items; only those of a parity count. */
function unequalChoices(parity: number): RankingData {
  const numChosen = 14;
  const train = Array.from({ length: SIZE }, () =>
    Int32Array.from({ length: numChosen }, (_, item) => item),
  );
  const strengths = train.map(items =>
    Float32Array.from(items, item => (item % 2 === parity ? 1 : 0)),
  );
  return { ...checkerboard(), train, strengths };
}

function itemsLike(index: number): number[] {
  return Array.from({ length: SIZE }, (_, item) => item).filter(item => item % 2 === index % 2);
}

interface Subject {
  /** Creates an untrained, seeded model that learns the checkerboard in its default number of epochs. */
  create: () => Recommender;
  load: (files: ModelFiles) => Recommender;
  /** Whether its scores depend on the user. */
  isPersonal: boolean;
  /** Whether it places items by their features. Default: false. */
  isInductive?: boolean;
  /** A term of its loss; null for a model with a closed form, which reports no epochs. Default: `bpr`. */
  lossTerm?: string | null;
}

export function describeRecommender(name: string, subject: Subject): void {
  const { create, load, isPersonal, lossTerm = "bpr" } = subject;

  describe(`${name} as a recommender`, () => {
    let model: Recommender;
    const reports: EpochReport[] = [];

    beforeAll(async () => {
      model = create();
      await model.fit(checkerboard(), { onEpoch: report => reports.push(report) });
    });

    afterAll(() => model.dispose());

    it("reports its numbers of users and items", () => {
      expect([model.numUsers, model.numItems]).toEqual([SIZE, SIZE]);
    });

    it("has vectors whose products are its scores, if it has vectors", () => {
      if (hasVectors(model)) {
        const { itemVectors, userVectors } = model.allVectors;
        for (const user of [0, SIZE - 1]) {
          const products = Array.from({ length: SIZE }, (_, item) =>
            dot(row(userVectors, user), row(itemVectors, item)),
          );
          expect(model.score(user)).toBeAllclose(products, { rtol: 1e-5, atol: 1e-6 });
        }
      }
    });

    it("scores every item, without NaN", () => {
      const scores = model.score(3);
      expect(scores).toHaveLength(SIZE);
      expect(scores.every(Number.isFinite)).toBe(true);
    });

    if (isPersonal) {
      it("ranks the withheld item first", () => {
        for (let user = 0; user < SIZE; user++) {
          const seen = new Set(checkerboard().train[user]);
          expect(model.recommend(user, 1, seen)).toMatchObject([{ itemIndex: user }]);
        }
      });

      it("weighs history items by their strength", () => {
        const even = model.scoreHistory([2, 4, 1, 3], [1, 1, 0.1, 0.1]);
        const odd = model.scoreHistory([2, 4, 1, 3], [0.1, 0.1, 1, 1]);
        expect(even[8]).toBeGreaterThan(even[9]);
        expect(odd[9]).toBeGreaterThan(odd[8]);
        const half = model.scoreHistory([2, 4], [0.5, 0.5]);
        expect(half).toBeAllclose(model.scoreHistory([2, 4]), { rtol: 1e-5, atol: 1e-6 });
      });

      it("trains on the strengths of choices", async () => {
        const scores = async (counting: number) => {
          const other = create();
          await other.fit(unequalChoices(counting));
          const result = [...other.score(0)];
          other.dispose();
          return result;
        };
        // The direction is tested where choices are drawn (losses-and-graphs.test.ts).
        expect(await scores(0)).not.toEqual(await scores(1));
      });

      it("ranks for an unknown user by their items", () => {
        const scores = model.scoreHistory([1, 5, 9]);
        const best = [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, SIZE / 2);
        expect(best.every(item => item % 2 === 1)).toBe(true);
      });

      it("finds items chosen by the same users similar", () => {
        for (const item of [0, 7]) {
          const alike = model.similarItems(item, SIZE / 2 - 1).map(({ itemIndex }) => itemIndex);
          expect(alike.sort((a, b) => a - b)).toEqual(itemsLike(item).filter(i => i !== item));
        }
      });
    }

    if (isPersonal && lossTerm !== null) {
      it("reports each term of a falling loss", () => {
        expect(Object.keys(reports[0].losses)).toContain(lossTerm);
        expect(reports[reports.length - 1].losses.total).toBeLessThan(reports[0].losses.total);
      });
    }

    it("returns all items, best first, when asked for more than exist", () => {
      const recommended = model.recommend(0, 3 * SIZE, new Set([0, 1, 2]));
      expect(recommended).toHaveLength(SIZE - 3);
      const scores = recommended.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
    });

    it("refuses a user it was not trained on", () => {
      expect(() => model.score(SIZE)).toThrow("expected a user index below 20, got 20");
    });

    it("scores the same after saving and loading", () => {
      const loaded = load(model.toFiles());
      expect([...loaded.score(4)]).toEqual([...model.score(4)]);
      expect(loaded.recommend(4, 5)).toEqual(model.recommend(4, 5));
      loaded.dispose();
    });

    it("gives the same bytes for the same seed, whatever the test labels", async () => {
      const again = create();
      // A permuted split beside the training data, which nothing may read.
      const test = new Random(8).shuffled([...itemsLike(0), ...itemsLike(1)]);
      const data = { ...checkerboard(), test: test.map(item => Int32Array.of(item)) };
      await again.fit(data);
      expect(again.toFiles()).toEqual(model.toFiles());
      again.dispose();
    });

    it("stops between two batches by throwing the signal's reason", async () => {
      const signal = AbortSignal.abort(new Error("enough"));
      const stopped = create();
      await expect(stopped.fit(checkerboard(), { signal })).rejects.toThrow("enough");
      stopped.dispose();
    });

    it("leaves no tensor behind", async () => {
      const before = tf.memory().numTensors;
      const passing = create();
      await passing.fit(checkerboard());
      passing.recommend(0, 3);
      passing.dispose();
      expect(tf.memory().numTensors).toBe(before);
    });

    it(`${subject.isInductive ? "places" : "does not claim to place"} new items by their features`, () => {
      expect(isInductive(model)).toBe(!!subject.isInductive);
      if (isInductive(model)) {
        // A new item with the features of odd ones.
        const features = { visual: new Float32Array(6), textual: new Float32Array(4) };
        features.visual[1] = 1;
        features.textual[1] = 1;
        const inductive = model;
        const vector = inductive.itemVectorOf(features);
        const ofUser = (userIndex: number) => dot(inductive.userVectorOf({ userIndex }), vector);
        for (let user = 0; user < SIZE; user += 2) {
          expect(ofUser(user + 1)).toBeGreaterThan(ofUser(user));
        }
        expect([...inductive.itemVectorOf({})].every(value => value === 0)).toBe(true);
        expect(() => inductive.itemVectorOf({ visual: new Float32Array(7) })).toThrow("expected");
        expect(() => inductive.itemVectorOf({ audio: new Float32Array(7) })).toThrow("expected");
      }
    });

    if (subject.isInductive) {
      it("scores an unchosen item by its features", async () => {
        const cold = 3;
        const data = checkerboard();
        const train = data.train.map(items => items.filter(item => item !== cold));
        const passing = create();
        await passing.fit({ ...data, train });
        for (let user = 1; user < SIZE; user += 2) {
          const scores = passing.score(user);
          const even = itemsLike(0).map(item => scores[item]);
          expect(scores[cold]).toBeGreaterThan(Math.max(...even));
        }
        passing.dispose();
      });
    }
  });
}
