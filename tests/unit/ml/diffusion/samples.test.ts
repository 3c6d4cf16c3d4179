import { bestOf, samplesOf } from "../../../../src/ml/diffusion/samples.js";
import { seedFrom } from "../../../../src/ml/nn/random.js";

const request = { numSamples: 2, numImages: 2, seed: 7, sharesNoise: false };
const [a, b] = [new Float32Array([1]), new Float32Array([2])];
const classify = async (latents: Float32Array) => [...latents.filter((_, i) => i % 2 === 0)];

describe("samplesOf()", () => {
  it("combines every reference with every noise, image by image", () => {
    const samples = samplesOf(request, { references: [a, b], classify });
    expect(samples.map(({ image, reference }) => [image, reference])).toEqual(
      [0, 0, 0, 0, 1, 1, 1, 1].map((image, i) => [image, i % 2 ? b : a]),
    );
    const seeds = samples.map(({ noiseSeed }) => noiseSeed);
    expect(seeds.filter((_, i) => i % 2 === 0)).toEqual(seeds.filter((_, i) => i % 2 === 1));
    expect(new Set(seeds).size).toBe(4);
  });

  it("gives an image the same noise alone and with fewer samples", () => {
    const seedsOf = (changed: Partial<typeof request>) =>
      samplesOf({ ...request, ...changed }, { references: [a], classify }).map(d => d.noiseSeed);
    expect(seedsOf({ numImages: 1, numSamples: 1 })).toEqual([seedFrom(7, 0)]);
    expect(seedsOf({ numImages: 1 })).toEqual(seedsOf({}).slice(0, 2));
    expect(seedsOf({ numSamples: 1 })).toEqual([seedFrom(7, 0), seedFrom(7, 1)]);
    const shared = seedsOf({ sharesNoise: true });
    expect(shared.slice(2)).toEqual(shared.slice(0, 2));
  });

  it("draws one sample without a classifier", () => {
    expect(
      samplesOf({ ...request, numImages: 1 }, { references: [null], classify: null }),
    ).toHaveLength(1);
  });
});

describe("bestOf()", () => {
  it("selects each image's best sample, the first of equals", async () => {
    const samples = new Float32Array([1, 10, 3, 11, 3, 12, 9, 20, 2, 21, 8, 22]);
    expect(await bestOf(samples, { classify }, 2)).toEqual(new Float32Array([3, 11, 9, 20]));
  });

  it("keeps all without a classifier", async () => {
    expect(await bestOf(a, { classify: null }, 1)).toBe(a);
  });
});
