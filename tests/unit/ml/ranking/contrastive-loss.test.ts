import { type Matrix, matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  type Contrast,
  contrastiveLoss as contrastiveLosses,
  contrastiveLossWithin as contrastiveLossesWithin,
} from "../../../../src/ml/ranking/contrastive-loss.js";
import { centralDifferences, relativeError } from "../../../helpers/gradient.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const kernels = new PlainKernels();
const N = 7;
const D = 5;
const TEMPERATURE = 0.5;

interface Pair {
  first: Matrix;
  second: Matrix;
  temperature: number;
  anchors: ArrayLike<number>;
}

const contrastOf = <P extends Omit<Pair, "anchors">>({ first, second, ...rest }: P) => ({
  ...rest,
  views: [first],
  fused: second,
});

/** Of one modality. */
async function contrastiveLoss(pair: Pair, engine: PlainKernels) {
  const contrast: Contrast = contrastOf(pair);
  const { loss, dViews, dFused } = await contrastiveLosses(contrast, engine);
  return { loss, dFirst: dViews[0], dSecond: dFused };
}

async function contrastiveLossWithin(
  items: number[],
  pair: Omit<Pair, "anchors">,
  engine: PlainKernels,
) {
  const { loss, dViews, dFused } = await contrastiveLossesWithin(items, contrastOf(pair), engine);
  return { loss, dFirst: dViews[0], dSecond: dFused };
}

function views(seed: number) {
  const random = new Random(seed);
  return {
    first: matrix([N, D], random.normals(N * D)),
    second: matrix([N, D], random.normals(N * D)),
  };
}

/** The formula in the file's head, literally, in 64 bits. */
function literalLoss(
  first: Float32Array,
  second: Float32Array,
  anchors: readonly number[],
): number {
  const cosine = (a: Float32Array, i: number, b: Float32Array, j: number) => {
    let [product, aa, bb] = [0, 0, 0];
    for (let d = 0; d < D; d++) {
      product += a[i * D + d] * b[j * D + d];
      aa += a[i * D + d] ** 2;
      bb += b[j * D + d] ** 2;
    }
    return product / Math.sqrt(aa * bb);
  };
  const e = (x: number) => Math.exp(x / TEMPERATURE);
  let sum = 0;
  for (const i of anchors) {
    let denominator = -e(cosine(first, i, first, i));
    for (let j = 0; j < N; j++) {
      denominator += e(cosine(first, i, first, j)) + e(cosine(first, i, second, j));
    }
    sum -= Math.log(e(cosine(first, i, second, i)) / denominator);
  }
  return sum / anchors.length;
}

const all = Array.from({ length: N }, (_, i) => i);

describe("contrastiveLoss()", () => {
  it.each([
    ["all items", all],
    ["some", [4, 1, 6]],
  ])("equals the formula, with %s as anchors", async (_, anchors) => {
    const { first, second } = views(1);
    const { loss } = await contrastiveLoss(
      { first, second, temperature: TEMPERATURE, anchors },
      kernels,
    );
    expect(loss).toBeAllclose(literalLoss(first.values, second.values, anchors));
  });

  it("is ln(2N - 1) when all vectors are equal", async () => {
    const same = matrix([N, D], new Float32Array(N * D).fill(0.3));
    const { loss } = await contrastiveLoss(
      { first: same, second: same, temperature: TEMPERATURE, anchors: all },
      kernels,
    );
    expect(loss).toBeAllclose(Math.log(2 * N - 1));
  });

  it.each([
    ["all items", all],
    ["some", [4, 1, 6]],
  ])("has the gradient of central differences, with %s as anchors", async (_, anchors) => {
    const { first, second } = views(2);
    const { dFirst, dSecond } = await contrastiveLoss(
      { first, second, temperature: TEMPERATURE, anchors },
      kernels,
    );
    const loss = () => literalLoss(first.values, second.values, anchors);
    const expectedFirst = await centralDifferences(loss, first.values, 1e-3);
    const expectedSecond = await centralDifferences(loss, second.values, 1e-3);
    expect(relativeError(dFirst.values, expectedFirst)).toBeLessThan(1e-4);
    expect(relativeError(dSecond.values, expectedSecond)).toBeLessThan(1e-4);
  });

  it("sums over the modalities", async () => {
    const a = views(6);
    const b = views(7);
    const shared = { temperature: TEMPERATURE, anchors: [1, 2, 5] };
    const both = await contrastiveLosses(
      { views: [a.first, b.first], fused: a.second, ...shared },
      kernels,
    );
    const first = await contrastiveLoss({ ...a, ...shared }, kernels);
    const second = await contrastiveLoss({ first: b.first, second: a.second, ...shared }, kernels);
    expect(both.loss).toBeAllclose(first.loss + second.loss);
    expect(both.dViews[0]).toBeAllclose(first.dFirst);
    expect(both.dViews[1]).toBeAllclose(second.dFirst);
    const sum = first.dSecond.values.map((value, at) => value + second.dSecond.values[at]);
    expect(both.dFused).toBeAllclose(sum, { atol: 1e-7 });
  });

  it("leaves an empty view alone, and stays finite", async () => {
    const { first, second } = views(3);
    first.values.fill(0, 0, D);
    const { loss, dFirst } = await contrastiveLoss(
      { first, second, temperature: TEMPERATURE, anchors: all },
      kernels,
    );
    expect(Number.isFinite(loss)).toBe(true);
    expect(dFirst.values.subarray(0, D)).toBeAllclose(new Float32Array(D));
  });

  it("is unbiased with random anchors: the mean over all pairs is the whole", async () => {
    const { first, second } = views(4);
    const contrast = { first, second, temperature: TEMPERATURE };
    const whole = await contrastiveLoss({ ...contrast, anchors: all }, kernels);
    let sum = 0;
    let count = 0;
    const gradient = new Float64Array(N * D);
    for (let a = 0; a < N; a++) {
      for (let b = a + 1; b < N; b++) {
        const { loss, dSecond } = await contrastiveLoss({ ...contrast, anchors: [a, b] }, kernels);
        sum += loss;
        count++;
        dSecond.values.forEach((value, at) => (gradient[at] += value));
      }
    }
    expect(sum / count).toBeAllclose(whole.loss);
    expect(gradient.map(value => value / count)).toBeAllclose(whole.dSecond, { atol: 1e-6 });
  });
});

describe("contrastiveLossWithin()", () => {
  it("compares only the given items with each other", async () => {
    const { first, second } = views(5);
    const items = [0, 2, 5];
    const within = await contrastiveLossWithin(
      items,
      { first, second, temperature: TEMPERATURE },
      kernels,
    );
    const loss = async () =>
      (await contrastiveLossWithin(items, { first, second, temperature: TEMPERATURE }, kernels))
        .loss;
    const expected = await centralDifferences(loss, first.values, 1e-2);
    expect(relativeError(within.dFirst.values, expected)).toBeLessThan(5e-4); // 32-bit views
    expect(within.dSecond.values.subarray(D, 2 * D)).toBeAllclose(new Float32Array(D));
  });
});
