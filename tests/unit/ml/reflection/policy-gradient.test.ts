import * as tf from "@tensorflow/tfjs";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  createPolicyBatch,
  leaveOneOutAdvantages,
  rankLoss,
  scaledAdvantages,
} from "../../../../src/ml/reflection/policy-gradient.js";
import { type RewardMode, rewards } from "../../../../src/ml/reflection/rank-reward.js";
import { loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";

/** Dimensions of the policies here, as two tokens of 8. */
const M = 16;
const SIGMA = 0.5;

beforeAll(() => loadTfjsBackend(["wasm"]));

/** `∂L_rank/∂μ` of each pair, times B: that of a pair alone; `[B][M]`. */
function gradients(
  means: readonly Float32Array[],
  draws: readonly { noises: Float32Array[]; advantages: number[] }[],
): Float32Array[] {
  const B = means.length;
  return tf.tidy(() => {
    const pairs = draws.map(({ noises, advantages }, b) => ({
      actions: noises.map(noise => means[b].map((value, i) => value + SIGMA * noise[i])),
      advantages,
      sigma: SIGMA,
    }));
    const batch = createPolicyBatch(pairs, 8);
    const flat = new Float32Array(B * M);
    means.forEach((mean, b) => flat.set(mean, b * M));
    const gradient = tf.grad(mean => rankLoss(mean as tf.Tensor3D, batch))(
      tf.tensor3d(flat, [B, M / 8, 8]),
    );
    const values = gradient.dataSync<"float32">();
    return means.map((_, b) => values.slice(b * M, (b + 1) * M).map(g => g * B));
  });
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);

const quadratic = (action: Float32Array, best: Float32Array) =>
  -action.reduce((sum, x, i) => sum + (x - best[i]) ** 2, 0);

describe("leaveOneOutAdvantages()", () => {
  it("compares with the mean of the others", () => {
    expect(leaveOneOutAdvantages([[1, 2, 6]])).toEqual([[1 - 4, 2 - 3.5, 6 - 1.5]]);
  });

  it("compares a single rollout with the other pairs' rewards, or with 0", () => {
    expect(leaveOneOutAdvantages([[5], [1], [3]])).toEqual([[5 - 2], [1 - 4], [3 - 3]]);
    expect(leaveOneOutAdvantages([[5]])).toEqual([[5]]);
  });
});

describe("scaledAdvantages()", () => {
  it("have root mean square 1 and the same signs; zeros stay", () => {
    expect(
      scaledAdvantages([
        [3, -3],
        [1, -1],
      ]),
    ).toBeAllclose([3, -3, 1, -1].map(a => a / Math.sqrt(5)));
    expect(scaledAdvantages([[0, 0]])).toEqual([[0, 0]]);
  });
});

describe("rankLoss()", () => {
  it("equals -(1/(B r)) Σ A log π, computed manually, whatever the padding", () => {
    // Pair 1: one token (2 numbers), μ = (0, 1), σ = 1, two actions; pair 2: two tokens, one action, σ = 2.
    const batch = createPolicyBatch(
      [
        { actions: [Float32Array.of(1, 1), Float32Array.of(0, 4)], advantages: [2, -1], sigma: 1 },
        { actions: [Float32Array.of(0, 0, 2, 4)], advantages: [3], sigma: 2 },
      ],
      2,
    );
    const mean = tf.tensor3d([
      [
        [9, 9],
        [0, 1],
      ], // the first is padding
      [
        [1, 1],
        [0, 0],
      ],
    ]);
    // log π: -1/(2·1·2) = -¼ and -9/4; -(1 + 1 + 4 + 16)/(2·4·4) = -22/32.
    const first = -0.5 * (2 * -0.25 + -1 * -2.25);
    const second = -(3 * (-22 / 32));
    expect(rankLoss(mean, batch)).toBeAllclose(0.5 * (first + second));
    tf.dispose([mean, batch.actions, batch.mask, batch.weights]);
  });

  it("has the analytic gradient in the mean of 100,000 draws", () => {
    const random = new Random(1);
    const mean = random.normals(M);
    const best = random.normals(M);
    const B = 2_000;
    const NUM_BATCHES = 50;
    // L = -E[R] per dimension, and ∂/∂μ of E||a - c||² is 2 (μ - c).
    const analytic = mean.map((x, i) => (2 * (x - best[i])) / M);
    const length = Math.sqrt(dot(analytic, analytic));
    const sums = { first: new Float64Array(M + 1), second: new Float64Array(M + 1) };
    for (let n = 0; n < NUM_BATCHES; n++) {
      const draws = Array.from({ length: B }, () => {
        const noises = [0, 1, 2].map(() => random.normals(M));
        const earned = noises.map(noise =>
          quadratic(
            mean.map((x, i) => x + SIGMA * noise[i]),
            best,
          ),
        );
        return { noises, advantages: leaveOneOutAdvantages([earned])[0] };
      });
      for (const gradient of gradients(
        draws.map(() => mean),
        draws,
      )) {
        [...gradient, dot(gradient, analytic) / length].forEach((g, i) => {
          sums.first[i] += g;
          sums.second[i] += g * g;
        });
      }
    }
    const count = B * NUM_BATCHES;
    const [along, ...deviations] = [length, ...analytic].map((expected, at) => {
      const i = at === 0 ? M : at - 1;
      const estimate = sums.first[i] / count;
      const error = Math.sqrt((sums.second[i] / count - estimate ** 2) / count);
      return (estimate - expected) / error;
    });
    // The component along the analytic gradient is within three standard errors. Of 16 coordinates one exceeds three in
    // every 23rd run of an unbiased estimator, so test them together: their squares are χ² with 16 degrees of freedom,
    // above 39.25 once in 1,000 runs.
    expect(Math.abs(along)).toBeLessThan(3);
    expect(deviations.reduce((sum, z) => sum + z * z, 0)).toBeLessThan(39.25);
  });

  it("has, in few directions, the gradient's projection on them", () => {
    // A basis of the first four coordinates: noise sqrt(16 / 4) η there, and log π as before.
    const random = new Random(2);
    const mean = random.normals(M);
    const best = random.normals(M);
    const draws = Array.from({ length: 8_000 }, () => {
      const noises = [0, 1, 2].map(() =>
        random.normals(M).map((x, i) => (i < 4 ? Math.sqrt(M / 4) * x : 0)),
      );
      const earned = noises.map(noise =>
        quadratic(
          mean.map((x, i) => x + SIGMA * noise[i]),
          best,
        ),
      );
      return { noises, advantages: leaveOneOutAdvantages([earned])[0] };
    });
    const sum = new Float64Array(M);
    gradients(
      draws.map(() => mean),
      draws,
    ).forEach(gradient => {
      gradient.forEach((g, i) => (sum[i] += g / draws.length));
    });
    // E[R ε] = sqrt(M/K)² σ ∂R/∂μ along the basis: the gradient per each of the K = 4 dimensions.
    const expected = mean.map((x, i) => (i < 4 ? (2 * (x - best[i])) / 4 : 0));
    expect(sum).toBeAllclose(expected, { rtol: 0, atol: 0.1 });
  });
});

describe("the reward modes, on a Gaussian policy of 16 dimensions over 8 seeds", () => {
  /** ρ of the mean before and after training, for each seed. @param best Where ρ has its maximum, 0. */
  function trained(mode: RewardMode): { before: number[]; after: number[] } {
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
    const streams = seeds.map(seed => new Random(seed));
    const best = streams.map(random => random.normals(M));
    const means = seeds.map(() => new Float32Array(M));
    const score = (action: Float32Array, b: number) => quadratic(action, best[b]) / M;
    const others = seeds.map((_, b) => ({
      reference: score(means[b], b),
      key: score(means[b], b) - 0.1,
    }));
    const scores = () => means.map(score);
    const before = scores();
    for (let step = 0; step < 150; step++) {
      const draws = streams.map((random, b) => {
        const noises = [0, 1, 2].map(() => random.normals(M));
        const generated = noises.map(noise =>
          score(
            means[b].map((x, i) => x + SIGMA * noise[i]),
            b,
          ),
        );
        const earned = rewards(mode, { ...others[b], generated }, 0.1);
        return { noises, advantages: leaveOneOutAdvantages([earned])[0] };
      });
      gradients(means, draws).forEach((gradient, b) => {
        means[b].forEach((x, i) => (means[b][i] = x - 2 * gradient[i]));
      });
    }
    return { before, after: scores() };
  }

  it.each(["marginCost", "flipped", "rank"] satisfies RewardMode[])(
    "`%s` raises every score above the reference's",
    mode => {
      const { before, after } = trained(mode);
      expect(after.filter((score, b) => score > before[b])).toHaveLength(8);
    },
  );

  it("`literal` lowers every score", () => {
    const { before, after } = trained("literal");
    expect(after.filter((score, b) => score < before[b])).toHaveLength(8);
  });
});
