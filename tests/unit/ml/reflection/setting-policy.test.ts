import { AppError } from "../../../../src/errors/app-error.js";
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { decodeSafetensors, encodeSafetensors } from "../../../../src/ml/nn/safetensors.js";
import type { PrincipalComponents } from "../../../../src/ml/reflection/principal-components.js";
import {
  probeResponses,
  probesOf,
  SETTING_POLICY_FILE,
  SettingPolicy,
  type SettingPolicyMode,
} from "../../../../src/ml/reflection/setting-policy.js";

/** Components along given axes. */
function along(
  axes: readonly (readonly number[])[],
  spreads: readonly number[],
): PrincipalComponents {
  const E = axes[0].length;
  return {
    mean: new Float32Array(E),
    directions: matrix([axes.length, E], Float32Array.from(axes.flat())),
    spreads: Float32Array.from(spreads),
  };
}

const catalogue = along([[1, 0, 0]], [0.5]);
const moves = along(
  [
    [0, 1, 0],
    [0, 0, 1],
  ],
  [0.75, 0.1],
);
const K = 2;
/** 1, 2, 3, … of the shape of a mode's weights, times `scale`. */
function policyOf(mode: SettingPolicyMode, { scale = 1, captionShare = 0.9 } = {}): SettingPolicy {
  const [rows, columns] = mode === "critic" ? [4 * K, 1] : [2 * (1 + K), 2];
  const values = Float32Array.from({ length: rows * columns }, (_, n) => scale * (n + 1));
  const weights = matrix([rows, columns], values);
  return new SettingPolicy({ mode, captionShare, catalogue, moves, weights });
}

describe("probesOf()", () => {
  it("is the image's feature, then the same moved by one spread along each direction, of unit length", () => {
    const probes = probesOf(moves, Float32Array.of(1, 0, 0)).map(probe => [...probe]);
    expect(probes).toHaveLength(3);
    expect(probes[0]).toEqual([1, 0, 0]);
    [0.8, 0.6, 0].forEach((value, e) => {
      expect(probes[1][e]).toBeCloseTo(value, 6); // (1, .75, 0) / 1.25
    });
    expect(probes[2][2]).toBeCloseTo(0.1 / Math.hypot(1, 0.1), 6);
  });
});

describe("probeResponses()", () => {
  it("are the gains over the first, in the user's deviations", () => {
    expect([...probeResponses([3, 4, 2.5], 0.5)!]).toEqual([2, -1]);
  });

  it("are null where a score is not a number", () => {
    expect(probeResponses([3, NaN, 2], 0.5)).toBeNull();
    expect(probeResponses([NaN, 1, 2], 0.5)).toBeNull();
  });
});

describe("SettingPolicy", () => {
  const image = Float32Array.of(1, 0, 0);
  const reference = { image, caption: Float32Array.of(0, 1, 0) };
  const settings = matrix([3, K], Float32Array.of(1, 0, 0, -1, 0, 0));

  it("multiplies out the critic's map, by hand, and asks about the probes alone", async () => {
    const asked: (readonly Float32Array[])[] = [];
    const gains = await policyOf("critic").gains(reference, settings, async images => {
      asked.push(images);
      return { scores: [5, 9, 3], deviation: 2 };
    });
    // Context: 1, the component 1 / .5 = 2, the responses 2 and -1; weights of feature k: k + 1 + 2 a.
    const of = (k: number) => 1 * (k + 1) + 2 * (k + 3) + 2 * (k + 5) - (k + 7);
    expect([...gains!]).toEqual([0, -of(1) - of(0), -of(0)]);
    expect(asked).toEqual([probesOf(moves, image)]);
  });

  it("predicts images by the surrogate's map, by hand", () => {
    // Inputs [1, z, 2, 2 z]; weights [at, p] are .01 (1 + 2 at + p).
    const [first, , plain] = policyOf("surrogate", { scale: 0.01 }).predicted(image, settings);
    const move = (ats: readonly (readonly [number, number])[], p: number) =>
      ats.reduce((sum, [at, value]) => sum + value * 0.01 * (1 + 2 * at + p), 0);
    for (const [predicted, ats] of [
      // z = (1, 0): places 0 and 1, and doubled 3 and 4; z = 0: places 0 and 3.
      [
        first,
        [
          [0, 1],
          [1, 1],
          [3, 2],
          [4, 2],
        ],
      ],
      [
        plain,
        [
          [0, 1],
          [3, 2],
        ],
      ],
    ] as const) {
      const [y, z] = [move(ats, 0), move(ats, 1)];
      const length = Math.hypot(1, y, z);
      [1 / length, y / length, z / length].forEach((value, e) => {
        expect(predicted[e]).toBeCloseTo(value, 5);
      });
    }
  });

  it("asks the ranking about the predicted images, and takes their gains over the first", async () => {
    const policy = policyOf("surrogate", { scale: 0.01, captionShare: 0 });
    const asked: (readonly Float32Array[])[] = [];
    const fitting = { image, caption: image }; // all of them do
    const gains = await policy.gains(fitting, settings, async images => {
      asked.push(images);
      return { scores: [1, 2, 0.5], deviation: 0.5 };
    });
    expect([...gains!]).toEqual([0, 2, -1]);
    expect(asked).toEqual([policy.predicted(image, settings)]);
  });

  it("leaves out a setting whose predicted image fits the caption too little, never the first", async () => {
    const answer = async () => ({ scores: [1, 2, 3], deviation: 1 });
    const fits = policyOf("surrogate", { scale: 0.01 })
      .predicted(image, settings)
      .map(([, y]) => y); // the caption is the second axis
    expect(fits[0]).toBeGreaterThan(fits[2]);
    expect(fits[2]).toBeGreaterThan(fits[1]);
    const withShare = async (captionShare: number) => {
      const policy = policyOf("surrogate", { scale: 0.01, captionShare });
      return [...(await policy.gains(reference, settings, answer))!];
    };
    const share = fits[2] / fits[0];
    expect(await withShare(share - 0.01)).toEqual([0, -Infinity, 2]);
    expect(await withShare(share + 0.01)).toEqual([0, -Infinity, -Infinity]);
  });

  it.each(["critic", "surrogate"] as const)(
    "knows nothing where the ranking does not, or says no number: %s",
    async mode => {
      const policy = policyOf(mode, { scale: 0.01 });
      expect(await policy.gains(reference, settings, async () => null)).toBeNull();
      const broken = async () => ({ scores: [1, NaN, 2], deviation: 1 });
      expect(await policy.gains(reference, settings, broken)).toBeNull();
    },
  );

  /** As a viewer who likes the third axis. */
  const liking = async (images: readonly Float32Array[]) => ({
    scores: images.map(([, , z]) => z),
    deviation: 1,
  });

  it.each(["critic", "surrogate"] as const)("has no opinion once silenced: %s", async mode => {
    const gains = await policyOf(mode).silenced().gains(reference, settings, liking);
    expect([...gains!].map(Math.abs)).toEqual([0, 0, 0]);
  });

  it.each(["critic", "surrogate"] as const)("comes back from its file: %s", async mode => {
    const policy = policyOf(mode, { scale: 0.01, captionShare: 0.25 });
    const restored = SettingPolicy.fromFiles(policy.toFiles({ versionId: "v" }), K);
    expect(restored.parts).toMatchObject({ mode, captionShare: 0.25 });
    expect(await restored.gains(reference, settings, liking)).toEqual(
      await policy.gains(reference, settings, liking),
    );
  });

  describe("is refused as malformed", () => {
    const stored = decodeSafetensors(policyOf("critic").toFiles({})[SETTING_POLICY_FILE], "");
    /** The reason of the refusal. */
    function reasonOf(changed: Partial<typeof stored>, numFeatures = K): unknown {
      const files = { [SETTING_POLICY_FILE]: encodeSafetensors({ ...stored, ...changed }) };
      try {
        SettingPolicy.fromFiles(files, numFeatures);
      } catch (error) {
        expect(error).toMatchObject({ code: "FILE_MALFORMED" });
        return (error as AppError).details.reason;
      }
      return null;
    }

    it("for features of another release", () => {
      expect(reasonOf({})).toBeNull();
      expect(reasonOf({}, K + 1)).toBe("'weights' is [8,1], expected [12,1]");
    });

    it("for a model of another kind", () => {
      const { metadata } = stored;
      const format = "vitrine-personalizer";
      expect(reasonOf({ metadata: { ...metadata, format } })).toContain(format);
      expect(reasonOf({ metadata: { ...metadata, mode: "distill" } })).toContain("distill");
      expect(reasonOf({ metadata: { ...metadata, captionShare: "many" } })).toContain("many");
    });

    it("for a number that is not finite, and a part that is missing", () => {
      const weights = { shape: [8, 1], values: Float32Array.of(1, 2, 3, 4, 5, 6, 7, NaN) };
      expect(reasonOf({ tensors: { ...stored.tensors, weights } })).toContain("weights");
      const { "moves.spreads": left, ...others } = stored.tensors;
      expect(left.shape).toEqual([2]);
      expect(reasonOf({ tensors: others })).toContain("moves.spreads");
    });

    it("for a missing file", () => {
      expect(() => SettingPolicy.fromFiles({}, K)).toThrow(AppError);
    });
  });
});
