/** @jest-environment ./tests/helpers/float64-environment.js */
import { type Matrix, matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { headFeatures, headVector } from "../../../../src/ml/ranking/feature-head.js";
import type { RankingData } from "../../../../src/ml/ranking/recommender.js";
import { defaultVbprConfig } from "../../../../src/ml/ranking/vbpr-config.js";
import { VbprNetwork, vbprParameters } from "../../../../src/ml/ranking/vbpr-network.js";
import { centralDifferences, relativeError } from "../../../helpers/gradient.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const M = 4;
const K = 5;
const d = 3;
const MISSING = 4;

/** The batch has 7 items: of 9 all are multiplied, of 60 only these. */
const sizes = [9, 60];

const dataOf = (numItems: number): RankingData => ({
  numUsers: M,
  numItems,
  train: Array.from({ length: M }, () => new Int32Array(0)),
  modalities: [
    { name: "visual", features: features(numItems, 6, 1) },
    { name: "textual", features: features(numItems, 4, 2) },
  ],
});

/** Random features far from zero; zeros for the item without any. */
function features(N: number, F: number, seed: number): Matrix {
  const result = matrix(
    [N, F],
    new Random(seed).normals(N * F).map(value => 3 + 2 * value),
  );
  row(result, MISSING).fill(0);
  return result;
}

const config = {
  ...defaultVbprConfig,
  embeddingSize: K,
  featureSize: d,
  l2Weight: 0.3,
  featureL2Weight: 0.02,
};

const triples = {
  users: Int32Array.of(0, 1, 2, 3, 2),
  positives: Int32Array.of(1, 3, 5, 8, 5),
  negatives: Int32Array.of(2, 0, 4, 5, 0),
};

function create(N: number) {
  const data = dataOf(N);
  const parameters = vbprParameters(data, config, new Random(7));
  parameters.biases.set(new Random(8).normals(N));
  const parts = {
    features: data.modalities!.map(modality => headFeatures(modality)),
    kernels: new PlainKernels(),
  };
  return { data, parameters, network: new VbprNetwork(M, config, parameters, parts) };
}

describe("VbprNetwork", () => {
  it.each(sizes)("has the gradient of central differences with %i items", async N => {
    const { network, parameters } = create(N);
    const { gradients } = await network.batch(triples);
    const loss = async () => (await network.batch(triples)).losses.total;
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(parameters).sort());
    for (const [name, values] of Object.entries(parameters)) {
      const expected = await centralDifferences(loss, values, 1e-4);
      const error = relativeError(gradients[name], expected);
      expect({ name, isClose: error < 1e-6 }).toEqual({ name, isClose: true });
    }
  });

  it.each(sizes)("scores by equation 4 of the paper with %i items", async N => {
    const { data, network, parameters } = create(N);
    const { userVectors, itemVectors } = await network.forward();
    const scores: number[] = [];
    const expected: number[] = [];
    for (let u = 0; u < M; u++) {
      for (let i = 0; i < N; i++) {
        scores.push(
          row(userVectors, u).reduce((sum, x, at) => sum + x * row(itemVectors, i)[at], 0),
        );
        expected.push(paperScore(data, parameters, u, i));
      }
    }
    expect(scores).toBeAllclose(expected, { atol: 1e-9 });
  });

  it("gives a training item's raw feature its own projection, and none to an absent one", async () => {
    const { data, network } = create(9);
    for (const [m, state] of (await network.head.state()).entries()) {
      for (const item of [0, MISSING, 8]) {
        const vector = headVector(state, row(data.modalities![m].features, item));
        expect(vector).toBeAllclose(row(state.projected, item), { atol: 1e-9 });
      }
      expect([...row(state.projected, MISSING)]).toEqual([0, 0, 0, 0]);
    }
  });
});

/** `β_i + γ_u · γ_i + θ_u · (E v_i) + β' · v_i`, v_i centred and scaled over the items that have it. */
function paperScore(
  { modalities, numItems }: RankingData,
  parameters: Record<string, Float32Array>,
  u: number,
  i: number,
): number {
  const user = [...parameters.users.subarray(u * (K + d), (u + 1) * (K + d))];
  let score = parameters.biases[i];
  for (let k = 0; k < K; k++) {
    score += user[k] * parameters.items[i * K + k];
  }
  for (const { name, features: raw } of modalities!) {
    const F = raw.shape[1];
    const rows = Array.from({ length: numItems }, (_, item) => [...row(raw, item)]);
    const present = rows.filter((_, item) => item !== MISSING);
    const mean = rows[0].map((_, f) => present.reduce((sum, v) => sum + v[f], 0) / present.length);
    const centred = present.map(v => v.map((x, f) => x - mean[f]));
    const squares = centred.flat().reduce((sum, x) => sum + x * x, 0);
    const scale = Math.sqrt(squares / present.length);
    const v = rows[i].map((x, f) => (i === MISSING ? 0 : (x - mean[f]) / scale));
    const W = parameters[`${name}.head`];
    for (let f = 0; f < F; f++) {
      for (let k = 0; k < d; k++) {
        score += user[K + k] * W[f * (d + 1) + k] * v[f];
      }
      score += W[f * (d + 1) + d] * v[f];
    }
  }
  return score;
}
