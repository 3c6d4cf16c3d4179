import { dot, matrix } from "../../../../src/ml/nn/matrix.js";
import { SettingPolicy } from "../../../../src/ml/reflection/setting-policy.js";
import { tasteOf } from "../../../../src/ml/studio/setting-draws.js";
import { SETTING_FEATURES } from "../../../../src/ml/studio/setting-menu.js";
import { decodeSetting, type Setting } from "../../../../src/ml/studio/setting.js";
import type { PersonalizationContext } from "../../../../src/recsys/images/personalization-method.js";
import { SettingMethod } from "../../../../src/recsys/images/setting-method.js";
import {
  bestSettings,
  TrainedSettingMethod,
} from "../../../../src/recsys/images/trained-setting-method.js";
import type { PictureRanker } from "../../../../src/recsys/ranking/picture-ranker.js";
import { describePersonalizationMethod } from "../../../contracts/personalization-method.contract.js";

/** Place of the colour's `a` among the features: green below 0, red above. */
const RED = 9;

/**
 * Settings move the image along the second axis by how red they are. The user `red` scores images by that axis, `green` against it;
 * the ranking model knows nobody else.
 */
const weights = matrix([2 * SETTING_FEATURES, 1]);
weights.values[SETTING_FEATURES + RED] = 1;
const axis = (values: readonly number[], spread: number) => ({
  mean: new Float32Array(2),
  directions: matrix([1, 2], Float32Array.from(values)),
  spreads: Float32Array.of(spread),
});
const moves = axis([0, 1], 0.1);
/** No component of the reference: the context is 1 and the response. */
const catalogue = {
  mean: new Float32Array(2),
  directions: matrix([0, 2]),
  spreads: new Float32Array(0),
};
const policy = new SettingPolicy({
  mode: "critic",
  captionShare: 0.9,
  catalogue,
  moves,
  weights,
});
const likings: Readonly<Record<string, Float32Array>> = {
  red: Float32Array.of(0, 1),
  green: Float32Array.of(0, -1),
  broken: Float32Array.of(NaN, NaN),
};
const asked: { userId: string; itemId: string }[] = [];
const ranker: PictureRanker = {
  async whatIf({ userId }, itemId, embeddings) {
    asked.push({ userId, itemId });
    const liking = likings[userId];
    return Object.hasOwn(likings, userId)
      ? {
          rankingModelVersionId: null,
          scoreBefore: 0,
          rankBefore: 2,
          numRanked: 3,
          scoreDeviation: 1,
          candidates: embeddings.map(v => ({ score: dot(liking, v), rank: 1, deltaR: 0 })),
        }
      : null;
  },
};
const tastes = {
  of: async (contexts: readonly PersonalizationContext[]) =>
    contexts.map(() => tasteOf([{ colour: [0.7, 0, 0.05], weight: 1 }])),
};
const use = <Result>(run: (own: SettingPolicy) => Promise<Result>) => run(policy);
const method = new TrainedSettingMethod({ versionId: "v1", use, tastes, ranker });

const contextOf = (
  userId: string,
  referenceImageEmbedding: Float32Array | null = Float32Array.of(1, 0),
): PersonalizationContext => ({
  userId,
  itemId: "i1",
  sourceBlobHash: "ab",
  historyItemIds: [],
  retrieved: [],
  preferenceEmbedding: null,
  weightEntropy: 0,
  referenceCaptionEmbedding: Float32Array.of(1, 0),
  referenceImageEmbedding,
  keywordExtractor: "",
  referenceKeywords: [],
  preferenceKeywords: [],
  prompt: "a vase",
  referencePrompt: "a vase",
});

async function settingsOf(
  own: Pick<TrainedSettingMethod, "condition">,
  context: PersonalizationContext,
  n: number,
): Promise<Setting[]> {
  const [condition] = await own.condition([context], n, [5]);
  return "conditions" in condition ? condition.conditions.map(decodeSetting) : [];
}

describePersonalizationMethod("TrainedSettingMethod", async () => ({
  method,
  contexts: [contextOf("red"), contextOf("green")],
}));

describe("TrainedSettingMethod", () => {
  it("shows each user the setting that moves the image where their score rises", async () => {
    asked.length = 0;
    const [red] = await settingsOf(method, contextOf("red"), 1);
    const [green] = await settingsOf(method, contextOf("green"), 1);
    expect(red.colour[1]).toBeCloseTo(0.08, 2);
    expect(green.colour[1]).toBeCloseTo(-0.08, 2);
    expect(asked).toEqual([
      { userId: "red", itemId: "i1" },
      { userId: "green", itemId: "i1" },
    ]);
  });

  it("follows taste where the ranking model knows nothing, says no numbers, or is not there", async () => {
    const byTaste = new SettingMethod({ tastes });
    for (const n of [1, 3]) {
      const expected = await settingsOf(byTaste, contextOf("any"), n);
      expect(await settingsOf(method, contextOf("stranger"), n)).toEqual(expected);
      expect(await settingsOf(method, contextOf("broken"), n)).toEqual(expected);
      expect(await settingsOf(method, contextOf("red", null), n)).toEqual(expected);
      const alone = new TrainedSettingMethod({ versionId: "v1", use, tastes, ranker: null });
      expect(await settingsOf(alone, contextOf("red"), n)).toEqual(expected);
    }
  });

  it("names its version, which is part of the identity of its images", () => {
    expect(method.personalizerVersionId).toBe("v1");
    expect(method.id).toContain("v1");
    expect(method.id).not.toBe(new SettingMethod({ tastes }).id);
  });
});

describe("bestSettings()", () => {
  const settings = (["a", "b", "c", "d"] as const).map((texture, n): Setting => ({
    kind: n < 2 ? "STUDIO" : "RESTAGE",
    texture: "WOOD",
    colour: texture === "b" ? [0.1, 0, 0] : [n, 0, 0],
    light: n,
    depth: 0.5,
    scale: 1,
    scene: 0,
  }));
  const places = (gains: readonly number[], count: number) =>
    bestSettings(settings, Float32Array.from(gains), count).map(({ light }) => light);

  it("takes the greatest gains in their order, of equal ones the earlier", () => {
    expect(places([1, 3, 2, -1], 3)).toEqual([1, 2, 0]);
    expect(places([0, 0, 0, 0], 2)).toEqual([0, 1]);
  });

  it("takes a colour twice only when no other is left", () => {
    const twice = [...settings.slice(0, 2), { ...settings[2], colour: settings[0].colour }];
    const chosen = bestSettings(twice, Float32Array.of(3, 1, 2), 4);
    expect(chosen.map(({ light }) => light)).toEqual([0, 1, 2, 0]);
  });
});
