import { rgbImage, unitPixels } from "../../../../src/ml/diffusion/autoencoder.js";
import { concatConditioning, zeroConditioning } from "../../../../src/ml/diffusion/conditioning.js";
import { guidanceEmbedding, guided } from "../../../../src/ml/diffusion/denoiser.js";

describe("guided()", () => {
  const unconditional = Float32Array.of(1, -2, 0);
  const conditional = Float32Array.of(3, -2, 0.5);

  it("is the conditional output at 1 and the unconditional one at 0", () => {
    expect(guided(unconditional, conditional, 1)).toEqual(conditional);
    expect(guided(unconditional, conditional, 0)).toEqual(unconditional);
  });

  it("extrapolates beyond the conditional output, away from the unconditional one", () => {
    // u + 7.5 (c - u), and as Ho & Salimans write it with w = 6.5: (1 + w) c - w u
    expect(Array.from(guided(unconditional, conditional, 7.5))).toEqual([16, -2, 3.75]);
  });

  it("shares one unconditional output among several images", () => {
    const two = Float32Array.of(...conditional, ...unconditional);
    const expected = [...guided(unconditional, conditional, 3), ...unconditional];
    expect(Array.from(guided(unconditional, two, 3))).toEqual(expected);
  });

  it("changes nothing where both agree", () => {
    expect(guided(conditional, conditional, 9)).toEqual(conditional);
  });
});

describe("guidanceEmbedding()", () => {
  // LatentConsistencyModelPipeline.get_guidance_scale_embedding(torch.tensor([0.0075]), 6): angles 7.5, 0.075, 0.00075
  it("equals diffusers' embedding", () => {
    const expected = [0.9379999, 0.0749297, 0.00075, 0.3466353, 0.9971888, 0.9999997];
    Array.from(guidanceEmbedding(0.0075, 6)).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 6);
    });
  });
});

describe("conditioning", () => {
  const text = { tokens: Float32Array.of(1, 2, 3, 4), numTokens: 2, dimension: 2 };

  it("concatenates rows of tokens", () => {
    expect(concatConditioning([text, zeroConditioning(1, 2)])).toEqual({
      tokens: Float32Array.of(1, 2, 3, 4, 0, 0),
      numTokens: 3,
      dimension: 2,
    });
  });

  it("refuses tokens of another width", () => {
    expect(() => concatConditioning([text, zeroConditioning(1, 3)])).toThrow("width 2, got 3");
  });
});

describe("unitPixels() and rgbImage()", () => {
  it("store channels as planes of -1 … 1", () => {
    const image = {
      widthPixels: 2,
      heightPixels: 1,
      pixels: Uint8Array.of(0, 255, 51, 255, 0, 204),
    };
    const planes = unitPixels(image);
    [-1, 1, 1, -1, -0.6, 0.6].forEach((value, i) => expect(planes[i]).toBeCloseTo(value, 6));
  });

  it("are inverse for every level", () => {
    const pixels = Uint8Array.from({ length: 768 }, (_, i) => i);
    const image = { widthPixels: 16, heightPixels: 16, pixels };
    expect(rgbImage(unitPixels(image), 16, 16)).toEqual(image);
  });

  it("clip values outside", () => {
    expect(rgbImage(Float32Array.of(-7, 0, 7), 1, 1).pixels).toEqual(Uint8Array.of(0, 128, 255));
  });
});
