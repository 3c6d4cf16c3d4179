import { cosine } from "../../../../src/ml/nn/cosine.js";
import { correlate } from "../../../../src/recsys/retrieval/correlation-unit.js";
import {
  fusionWeights,
  preferenceEmbedding,
  weightEntropy,
} from "../../../../src/recsys/retrieval/fusion-unit.js";

const vector = (...values: number[]) => Float32Array.from(values);
const item = (itemId: string, day: number, ...values: number[]) => ({
  itemId,
  occurredAt: new Date(Date.UTC(2026, 0, day)),
  captionEmbedding: vector(...values),
});

describe("cosine()", () => {
  it("is the product over the lengths", () => {
    // (1·3 + 2·4) / (√5 · 5) = 11 / 11.18034
    expect(cosine(vector(1, 2), vector(3, 4))).toBeCloseTo(11 / (Math.sqrt(5) * 5), 12);
    expect(cosine(vector(1, 0), vector(-2, 0))).toBe(-1);
    expect(cosine(vector(0, 0), vector(1, 0))).toBe(0);
  });

  it("refuses embeddings of two lengths", () => {
    expect(() => cosine(vector(1), vector(1, 2))).toThrow(
      "expected vectors of one length, got 1 and 2",
    );
  });
});

describe("correlate()", () => {
  const reference = vector(1, 0);

  it("gives the k most similar items, best first (Eq. 3)", () => {
    const history = [item("a", 1, 0, 1), item("b", 2, 3, 4), item("c", 3, 4, 3)];
    const top = correlate(history, reference, 2);
    expect(top.map(({ itemId }) => itemId)).toEqual(["c", "b"]);
    expect(top[0].similarity).toBeCloseTo(4 / 5, 12);
    expect(top[1].similarity).toBeCloseTo(3 / 5, 12);
  });

  it("breaks ties by the later time, then by the id", () => {
    const history = [item("z", 1, 1, 0), item("b", 2, 1, 0), item("a", 2, 1, 0)];
    expect(correlate(history, reference).map(({ itemId }) => itemId)).toEqual(["a", "b", "z"]);
  });

  it("returns all of a short history, and nothing for an empty one", () => {
    expect(correlate([item("a", 1, -1, 0)], reference, 5)).toHaveLength(1);
    expect(correlate([], reference, 5)).toEqual([]);
    expect(correlate([item("a", 1, 1, 0)], reference, 0)).toEqual([]);
  });
});

describe("fusionWeights()", () => {
  it("weights similarities by the choices' strengths on request", () => {
    expect(fusionWeights([0.5, 0.25], undefined, [1, 2])).toEqual([0.5, 0.5]);
    expect(fusionWeights([-1, -1], undefined, [1, 3])).toEqual([0.25, 0.75]);
    expect(fusionWeights([0.6, 0.2], undefined, [1, 1])).toEqual(fusionWeights([0.6, 0.2]));
  });

  it("is proportional to positive similarities (Eq. 5)", () => {
    // max(s, 0) = 0.6, 0.2, 0 and their sum is 0.8
    expect(fusionWeights([0.6, 0.2, -0.5])).toEqual([0.6 / 0.8, 0.2 / 0.8, 0]);
  });

  it("is uniform without positive similarities", () => {
    expect(fusionWeights([-0.1, 0, -3])).toEqual([1 / 3, 1 / 3, 1 / 3]);
    expect(fusionWeights([])).toEqual([]);
  });

  it("is a softmax with a temperature on request", () => {
    // exp(0) : exp(ln 3) with τ = 1
    const [a, b] = fusionWeights([0, Math.log(3)], { kind: "softmax", temperature: 1 });
    expect(a).toBeCloseTo(1 / 4, 12);
    expect(b).toBeCloseTo(3 / 4, 12);
    // A low temperature selects one; nothing overflows.
    expect(fusionWeights([0.7, 0.9], { kind: "softmax", temperature: 1e-4 })[1]).toBeCloseTo(1);
    expect(() => fusionWeights([1], { kind: "softmax", temperature: 0 })).toThrow(
      "fusionWeights: the temperature must be positive, but got 0",
    );
  });
});

describe("preferenceEmbedding()", () => {
  it("is the weighted sum (Eq. 5)", () => {
    const sum = preferenceEmbedding([vector(1, 2), vector(4, 8)], [0.75, 0.25]);
    expect(Array.from(sum)).toEqual([1.75, 3.5]);
  });

  it("refuses embeddings without weights", () => {
    expect(() => preferenceEmbedding([vector(1)], [])).toThrow("got 0 for 1");
    expect(() => preferenceEmbedding([], [])).toThrow("got 0 for 0");
  });
});

describe("weightEntropy()", () => {
  it("is ln n for equal weights and 0 for one", () => {
    expect(weightEntropy([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(Math.log(4), 12);
    expect(weightEntropy([1, 0])).toBe(0);
    expect(weightEntropy([])).toBe(0);
  });
});
