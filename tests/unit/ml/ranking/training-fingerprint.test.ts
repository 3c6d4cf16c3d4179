import { trainingFingerprint } from "../../../../src/ml/ranking/training-loop.js";
import { fingerprintOf } from "../../../../src/recsys/reflection/personalizer-trainer.js";

const data = { numUsers: 1, numItems: 2, train: [Int32Array.of(0)] };

describe("the fingerprint of a training", () => {
  it("is independent of the order of fields", () => {
    const config = { learningRate: 1e-3, contrast: { kind: "anchors", count: 4 } };
    const stored = { contrast: { count: 4, kind: "anchors" }, learningRate: 1e-3 };

    expect(trainingFingerprint(stored, data)).toBe(trainingFingerprint(config, data));
    expect(fingerprintOf({ seed: 1, config: stored })).toBe(fingerprintOf({ config, seed: 1 }));
  });

  it("differs for another value, another order of a list, or other data", () => {
    const one = trainingFingerprint({ layers: [1, 2] }, data);

    expect(trainingFingerprint({ layers: [2, 1] }, data)).not.toBe(one);
    expect(trainingFingerprint({ layers: [1, 3] }, data)).not.toBe(one);
    expect(trainingFingerprint({ layers: [1, 2] }, { ...data, numItems: 3 })).not.toBe(one);
    expect(fingerprintOf({ layers: [2, 1] })).not.toBe(fingerprintOf({ layers: [1, 2] }));
  });
});
