import { matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Ials } from "../../../../src/ml/ranking/ials.js";
import { gramOf, solveVector } from "../../../../src/ml/ranking/least-squares.js";
import { loadRecommender } from "../../../../src/ml/ranking/load-recommender.js";
import { checkerboard, describeRecommender } from "../../../contracts/recommender.contract.js";
import { memoryCheckpoint } from "../../../helpers/memory-checkpoint.js";

const small = { embeddingSize: 4, numEpochs: 12, l2Weight: 0.01 };

describeRecommender("iALS", {
  create: () => new Ials(small),
  load: loadRecommender,
  isPersonal: true,
  lossTerm: "squared",
});

describe("solveVector", () => {
  it("is NumPy's solution of the normal equations", () => {
    // V = np.array([[1, 0], [.5, .5], [0, 1], [-.5, .25]]); items 0 and 2 with strengths 1 and 2
    // A = .1 * V.T @ V + sum(s * np.outer(v, v)) + .5 * (2 + .1 * 4) * np.eye(2); np.linalg.solve(A, sum(s * v))
    const V = matrix([4, 2], Float32Array.of(1, 0, 0.5, 0.5, 0, 1, -0.5, 0.25));
    const gram = gramOf(V);
    expect([...gram]).toEqual([1.5, 0.125, 0.125, 1.3125]);
    const system = { unobservedWeight: 0.1, l2Weight: 0.5, frequencyExponent: 1, gram };
    const chosen = { items: Int32Array.of(0, 2), weights: [1, 2] };
    expect([...solveVector(chosen, V, system)]).toBeAllclose([0.422347, 0.59879]);
  });
});

describe("Ials", () => {
  /** The loss of `ials.ts`, summed over all pairs. */
  function loss(model: Ials): number {
    const { userVectors, itemVectors } = model.allVectors!;
    const { unobservedWeight: alpha, l2Weight, frequencyExponent } = model.config;
    const { numUsers, numItems, train } = checkerboard();
    const counts = new Int32Array(numItems);
    let sum = 0;
    const squares = (vector: Float32Array) => vector.reduce((total, x) => total + x * x, 0);
    train.forEach((items, user) => {
      const scores = model.score(user);
      scores.forEach(score => (sum += alpha * score ** 2));
      items.forEach(item => {
        sum += (scores[item] - 1) ** 2;
        counts[item]++;
      });
      const f = (items.length + alpha * numItems) ** frequencyExponent;
      sum += l2Weight * f * squares(row(userVectors, user));
    });
    counts.forEach((count, item) => {
      const f = (count + alpha * numUsers) ** frequencyExponent;
      sum += l2Weight * f * squares(row(itemVectors, item));
    });
    return sum;
  }

  it("reports the loss that it minimizes, which no epoch raises", async () => {
    const losses: number[] = [];
    const model = new Ials(small);
    await model.fit(checkerboard(), { onEpoch: ({ losses: { total } }) => losses.push(total) });
    const pairs = 20 * 20 * model.config.unobservedWeight;
    expect(losses.at(-1)).toBeAllclose(loss(model) / pairs, { rtol: 1e-4 });
    losses.slice(1).forEach((value, n) => expect(value).toBeLessThanOrEqual(losses[n] + 1e-6));
  });

  it("leaves each user at the minimum: any step raises the loss", async () => {
    const model = new Ials(small);
    await model.fit(checkerboard());
    const user = row(model.allVectors!.userVectors, 3);
    const before = loss(model);
    for (let d = 0; d < user.length; d++) {
      for (const step of [-0.01, 0.01]) {
        user[d] += step;
        expect(loss(model)).toBeGreaterThan(before);
        user[d] -= step;
      }
    }
  });

  it("solves for a user outside of training as for one of it", async () => {
    const model = new Ials(small);
    await model.fit(checkerboard());
    const history = [...checkerboard().train[6]];
    expect([...model.scoreHistory(history)]).toBeAllclose([...model.score(6)], { atol: 1e-5 });
    expect([...model.scoreHistory([])]).toEqual(new Array(20).fill(0));
  });

  it("resumes to the same bytes", async () => {
    const whole = new Ials(small);
    await whole.fit(checkerboard());
    const checkpoint = memoryCheckpoint({ everyEpochs: 2 });
    const stop = new AbortController();
    const onEpoch = ({ epoch }: { epoch: number }) => epoch === 5 && stop.abort();
    const stopped = new Ials(small).fit(checkerboard(), {
      checkpoint,
      onEpoch,
      signal: stop.signal,
    });
    await expect(stopped).rejects.toThrow();
    const resumed = new Ials(small);
    const epochs: number[] = [];
    await resumed.fit(checkerboard(), { checkpoint, onEpoch: ({ epoch }) => epochs.push(epoch) });
    expect(epochs[0]).toBe(5);
    expect(resumed.toFiles()).toEqual(whole.toFiles());
  });

  it("refuses to rank before it was trained", () => {
    expect(() => new Ials().score(0)).toThrow("call fit or load first");
  });
});
