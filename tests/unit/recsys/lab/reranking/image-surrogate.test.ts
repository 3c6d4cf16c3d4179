import type { AppError } from "../../../../../src/errors/app-error.js";
import { matrix, row } from "../../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../../src/ml/nn/random.js";
import {
  assertBelongs,
  type DrawnExample,
  fitSurrogate,
  PredictedImages,
  type SurrogateStamp,
  unit,
} from "../../../../../src/recsys/lab/reranking/image-surrogate.js";

const E = 4;
const stamp: SurrogateStamp = { generator: "mini@1", method: "plain", rankingModelVersionId: "r1" };

/** Images that are exactly `0.5 v + 0.3 P + c`. */
function examples(numUsers = 20): DrawnExample[] {
  const random = new Random(1);
  return Array.from({ length: 10 * numUsers }, (_, n) => {
    const own = unit(random.normals(E));
    const preference = unit(random.normals(E));
    const drawn = own.map((value, e) => 0.5 * value + 0.3 * preference[e] + (e === 0 ? 1 : 0));
    return { userIndex: n % numUsers, own, preference, drawn };
  });
}

describe("fitSurrogate()", () => {
  const surrogate = fitSurrogate(examples(), stamp);

  it("finds the map that made the images, and says so on users that it was not fitted on", () => {
    const { heldOut } = surrogate;
    expect([heldOut.numFitted, heldOut.numHeldOut]).toEqual([160, 40]);
    expect(heldOut.rSquared).toBeGreaterThan(0.99);
    expect(heldOut.cosineError).toBeLessThan(0.001);
    expect(heldOut.cosineErrorOfOriginal).toBeGreaterThan(0.05);
  });

  it("predicts an image from an item and the history items behind P^ret", () => {
    const features = matrix([3, E]);
    const random = new Random(2);
    for (let item = 0; item < 3; item++) {
      row(features, item).set(unit(random.normals(E)));
    }
    const preference = [
      { itemIndex: 1, weight: 0.75 },
      { itemIndex: 2, weight: 0.25 },
    ];
    const expected = unit(
      Float32Array.from(
        { length: E },
        (_, e) =>
          0.5 * row(features, 0)[e] +
          0.3 * (0.75 * row(features, 1)[e] + 0.25 * row(features, 2)[e]) +
          (e === 0 ? 1 : 0),
      ),
    );
    const image = new PredictedImages(features, surrogate).of(0, preference);
    image.forEach((value, e) => {
      expect(value).toBeCloseTo(expected[e], 1);
    });
    expect(Math.hypot(...image)).toBeCloseTo(1, 5);
  });

  it("needs some users", () => {
    expect(codeOf(() => fitSurrogate(examples(4), stamp))).toBe("TOO_FEW_PAIRS");
  });

  it.each([
    ["pack", { generator: "mini@2" }],
    ["method", { method: "ragar@1" }],
    ["ranking model", { rankingModelVersionId: "r2" }],
  ])("is refused for another %s", (_, change) => {
    expect(
      codeOf(() => {
        assertBelongs(surrogate, stamp);
      }),
    ).toBeNull();
    expect(
      codeOf(() => {
        assertBelongs(surrogate, { ...stamp, ...change });
      }),
    ).toBe("SURROGATE_MISMATCH");
  });

  it("is refused for embeddings of another size", () => {
    const open = () => new PredictedImages(matrix([3, E + 1]), surrogate);
    expect(codeOf(open)).toBe("SURROGATE_MISMATCH");
  });
});

/** The code of the error that `run` throws; null without one. */
function codeOf(run: () => unknown): string | null {
  try {
    run();
    return null;
  } catch (error) {
    return (error as AppError).code;
  }
}
