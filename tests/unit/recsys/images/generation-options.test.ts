import {
  generationDefaults,
  generationOptions,
  generationOptionsSchema,
} from "../../../../src/recsys/images/generation-options.js";

const defaults = generationDefaults({
  defaults: { strength: 0.5, numSteps: 12, guidanceScale: 3 },
});

describe("generationOptions()", () => {
  it("replaces absent and null options by defaults", () => {
    expect(generationOptions({ seed: 7, strength: null }, defaults)).toEqual({
      ...defaults,
      seed: 7,
    });
  });

  it("starts at the pack's strength", () => {
    expect(
      generationDefaults({ defaults: { strength: 0.7, numSteps: 4, guidanceScale: 1 } }),
    ).toMatchObject({ strength: 0.7, numSteps: 4, guidanceScale: 1 });
  });

  it("has a fidelity only where the shop or the request sets one, so that stored images keep their keys", () => {
    const diffusion = { defaults: { strength: 0.7, numSteps: 4, guidanceScale: 1 } };
    expect(Object.keys(generationOptions({ fidelity: null }, defaults))).not.toContain("fidelity");
    const shop = generationDefaults(diffusion, "PRODUCT");
    expect(generationOptions({}, shop)).toMatchObject({ fidelity: "PRODUCT" });
    expect(generationOptions({ fidelity: "FREE" }, shop)).toMatchObject({ fidelity: "FREE" });
    expect(generationOptionsSchema.parse(shop)).toEqual(shop);
    expect(generationOptionsSchema.safeParse({ ...shop, fidelity: "LOOSE" }).success).toBe(false);
  });

  it.each([
    [{ strength: 0 }, "strength must be a number from 0.05 to 1, but got 0"],
    [{ numSteps: 2.5 }, "numSteps must be a whole number from 1 to 100, but got 2.5"],
    [{ numCandidates: 9 }, "numCandidates must be a whole number from 1 to 8, but got 9"],
    [{ guidanceScale: Number.NaN }, "guidanceScale must be a number from 1 to 20, but got NaN"],
    [
      { seed: 2 ** 31 },
      "seed must be a whole number from -2147483648 to 2147483647, but got 2147483648",
    ],
  ])("refuses %j", (given, message) => {
    expect(() => generationOptions(given, defaults)).toThrow(message);
  });
});
