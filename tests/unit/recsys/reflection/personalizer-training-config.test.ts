import {
  personalizerConfig,
  storedPersonalizerConfig,
} from "../../../../src/recsys/reflection/personalizer-training-config.js";

describe("storedPersonalizerConfig()", () => {
  it("reads the configuration of an older release, whose dropped fields a new one may not have", () => {
    const model = { delta: 0.3, numRetrieved: 2, numRollouts: 4, rewardMode: "rank", sigma: 0.2 };
    const stored = { delta: 0.07, gains: [1], numGainPairs: 3, model };
    expect(storedPersonalizerConfig(stored)).toEqual(
      personalizerConfig({ delta: 0.07, model: { sigma: 0.2 } }),
    );
    expect(() => personalizerConfig({ model: { delta: 0.3 } })).toThrow('"delta" → at model');
    expect(() => personalizerConfig({ gains: [1] })).toThrow("gains");
  });
});
