import type { ArmOutcome, PhotoOutcome } from "../../../../../src/recsys/lab/studio/photo-trial.js";
import { summarizeTrial } from "../../../../../src/recsys/lab/studio/summarize-trial.js";

const shown = (deltaR: number): ArmOutcome => ({
  bestDeltaR: deltaR,
  servedDeltaR: deltaR,
  reason: null,
  faults: [],
});
const kept = (reason: string, bestDeltaR: number | null, faults: string[] = []): ArmOutcome => ({
  bestDeltaR,
  servedDeltaR: 0,
  reason,
  faults,
});
const fidelity = (colorP95: number, ssim: number) => ({
  colorP95,
  ssim,
  colorMean: 0,
  edgeEnergy: 1,
  sharpness: 1,
  size: 1,
});

let number = 0;
function outcome(
  shop: string,
  own: ArmOutcome,
  oneForAll: ArmOutcome,
  rest: Partial<PhotoOutcome> = {},
): PhotoOutcome {
  return {
    shop,
    userId: `u${number}`,
    itemId: `i${number++}`,
    rankBefore: 10,
    own,
    oneForAll,
    fidelity: own.reason === null ? fidelity(0.2, 0.999) : null,
    isSameSize: own.reason === null ? true : null,
    rimColorP95: null,
    maskIou: null,
    maskFault: null,
    maskSeconds: 1,
    imageSeconds: 0.5,
    ...rest,
  };
}

const outcomes = [
  outcome("luma", shown(0.4), shown(0.1), { maskIou: 0.9 }),
  outcome("luma", shown(0.2), kept("RANKED_LOWER", -0.3), {
    maskIou: 1,
    fidelity: fidelity(0.8, 0.991),
    isSameSize: false,
  }),
  outcome("clothing", kept("RANKED_LOWER", -0.1), shown(0.1)),
  outcome(
    "clothing",
    kept("MASK_IMPLAUSIBLE", null, ["WEAK_EDGE"]),
    kept("MASK_IMPLAUSIBLE", null),
  ),
];

describe("summarizeTrial()", () => {
  const { all, shops } = summarizeTrial(outcomes);

  it("counts what is served, and why the rest is not", () => {
    expect(all).toMatchObject({
      numPairs: 4,
      servedRate: 0.5,
      reasons: { RANKED_LOWER: 1, MASK_IMPLAUSIBLE: 1 },
      faults: { WEAK_EDGE: 1 },
    });
    expect(shops.luma).toMatchObject({ numPairs: 2, servedRate: 1, reasons: {} });
    expect(shops.clothing).toMatchObject({ numPairs: 2, servedRate: 0, fidelity: null });
  });

  it("gives the worst fidelity of all that is shown, and how many are of the catalogue's size", () => {
    expect(all.fidelity).toMatchObject({
      worstColorP95: 0.8,
      worstSsim: 0.991,
      numOfSameSize: 1,
      numShown: 2,
    });
  });

  it("means the overlap of masks over the images that have a truth", () => {
    expect(all.maskIou).toMatchObject({ mean: 0.95, numImages: 2 });
    expect(shops.clothing.maskIou).toBeNull();
  });

  it("gives ΔR with the catalogue image as 0, as it is served and of the best candidate", () => {
    expect(all.served.mean.value).toBeCloseTo((0.4 + 0.2) / 4);
    expect(all.best.mean.value).toBeCloseTo((0.4 + 0.2 - 0.1) / 4);
    expect(all.served.winRate.value).toBeCloseTo((2 + 0.5 * 2) / 4);
    expect(all.oneForAll.served.mean.value).toBeCloseTo(0.2 / 4);
    const { interval } = all.served.mean;
    expect(interval[0]).toBeLessThanOrEqual(0.15);
    expect(interval[1]).toBeGreaterThanOrEqual(0.15);
  });

  it("compares the arms pair by pair", () => {
    expect(all.difference.served.difference).toBeCloseTo((0.3 + 0.2 - 0.1) / 4);
    expect(all.difference.best.difference).toBeCloseTo((0.3 + 0.5 - 0.2) / 4);
    expect(all.difference.best.baseline).toBe("own setting");
  });
});
