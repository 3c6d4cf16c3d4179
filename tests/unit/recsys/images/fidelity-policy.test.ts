import type { Fidelity } from "../../../../src/ml/metrics/fidelity.js";
import {
  type FidelityFault,
  fidelityFaults,
  fidelityPolicies,
  type FidelityPolicy,
  fidelityThresholds,
  type MeasuredFidelity,
} from "../../../../src/recsys/images/fidelity-policy.js";

const perfect: Fidelity = {
  colorMean: 0,
  colorP95: 0,
  ssim: 1,
  edgeEnergy: 1,
  sharpness: 1,
  size: 1,
};
const shown = (change: Partial<Fidelity>): MeasuredFidelity => ({
  shown: { ...perfect, ...change },
  generated: perfect,
});
const generated = (change: Partial<Fidelity>): MeasuredFidelity => ({
  shown: perfect,
  generated: { ...perfect, ...change },
});

/** Another picture: nothing of the product is left, and no detail. */
const nothingLeft: Fidelity = {
  colorMean: 60,
  colorP95: 90,
  ssim: -0.2,
  edgeEnergy: 0,
  sharpness: 0,
  size: 0.01,
};

// The limits are written out, not read from the policy: a changed threshold is a changed promise, and fails here.
interface Limit {
  fault: FidelityFault;
  /** Just passes. */
  at: MeasuredFidelity;
  beyond: MeasuredFidelity;
}

const limits: readonly (readonly [FidelityPolicy, what: string, Limit])[] = [
  [
    "PRODUCT",
    "colour",
    { fault: "PRODUCT_CHANGED", at: shown({ colorP95: 1 }), beyond: shown({ colorP95: 1.001 }) },
  ],
  [
    "PRODUCT",
    "SSIM",
    { fault: "PRODUCT_CHANGED", at: shown({ ssim: 0.99 }), beyond: shown({ ssim: 0.9899 }) },
  ],
  [
    "PRODUCT",
    "least edge energy",
    {
      fault: "PRODUCT_CHANGED",
      at: shown({ edgeEnergy: 0.9 }),
      beyond: shown({ edgeEnergy: 0.899 }),
    },
  ],
  [
    "PRODUCT",
    "most edge energy",
    {
      fault: "PRODUCT_CHANGED",
      at: shown({ edgeEnergy: 1.1 }),
      beyond: shown({ edgeEnergy: 1.101 }),
    },
  ],
  [
    "PRODUCT",
    "SSIM as generated",
    { fault: "PRODUCT_CHANGED", at: generated({ ssim: 0.8 }), beyond: generated({ ssim: 0.799 }) },
  ],
  [
    "PRODUCT",
    "sharpness",
    {
      fault: "BLURRED",
      at: generated({ sharpness: 0.05 }),
      beyond: generated({ sharpness: 0.0499 }),
    },
  ],
  [
    "PRODUCT",
    "size",
    { fault: "BLURRED", at: generated({ size: 0.5 }), beyond: generated({ size: 0.499 }) },
  ],
  [
    "STYLE",
    "sharpness",
    {
      fault: "BLURRED",
      at: generated({ sharpness: 0.1 }),
      beyond: generated({ sharpness: 0.099 }),
    },
  ],
];

describe("fidelityFaults()", () => {
  it.each(limits)("under %s: the limit of %s", (policy, _, { at, beyond, fault }) => {
    expect(fidelityFaults(policy, at)).toEqual([]);
    expect(fidelityFaults(policy, beyond)).toEqual([fault]);
  });

  it("reads an image without a lock as shown and as generated", () => {
    const made = (change: Partial<Fidelity>) => ({
      shown: { ...perfect, ...change },
      generated: null,
    });
    expect(fidelityFaults("PRODUCT", made({ ssim: 0.9899 }))).toEqual(["PRODUCT_CHANGED"]);
    expect(fidelityFaults("PRODUCT", made({ sharpness: 0.0499 }))).toEqual(["BLURRED"]);
    expect(fidelityFaults("PRODUCT", made({ size: 0.499 }))).toEqual(["BLURRED"]);
    expect(fidelityFaults("STYLE", made({ sharpness: 0.099 }))).toEqual(["BLURRED"]);
  });

  it("reads sharpness and size of the image as generated, not of the locked one", () => {
    expect(fidelityFaults("PRODUCT", shown({ sharpness: 0, size: 0.1 }))).toEqual([]);
    const changed = generated({ colorP95: 90, edgeEnergy: 0 });
    expect(fidelityFaults("PRODUCT", changed)).toEqual([]);
  });

  it("lets STYLE redraw the product, at any size", () => {
    const redrawn = { ...nothingLeft, sharpness: 0.1 };
    expect(fidelityFaults("STYLE", { shown: redrawn, generated: null })).toEqual([]);
  });

  it("refuses nothing under FREE, and names every fault under PRODUCT", () => {
    const lost = { shown: nothingLeft, generated: null };
    expect(fidelityFaults("FREE", lost)).toEqual([]);
    expect(fidelityFaults("STYLE", lost)).toEqual(["BLURRED"]);
    expect(fidelityFaults("PRODUCT", lost)).toEqual(["PRODUCT_CHANGED", "BLURRED"]);
  });

  it.each(fidelityPolicies.filter(policy => policy !== "FREE"))(
    "refuses figures that are no numbers under %s",
    policy => {
      const unmeasured = { ...perfect, ssim: NaN, sharpness: NaN };
      expect(fidelityFaults(policy, { shown: unmeasured, generated: null })).toContain("BLURRED");
    },
  );

  it("has thresholds for every policy", () => {
    expect(Object.keys(fidelityThresholds)).toEqual([...fidelityPolicies]);
  });
});
