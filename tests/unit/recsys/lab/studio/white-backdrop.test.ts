import type { RgbImage } from "../../../../../src/ml/nn/rgb-image.js";
import {
  maskOverlap,
  productOnWhite,
} from "../../../../../src/recsys/lab/studio/white-backdrop.js";

const side = 40;

/** @param levelAt grey level at a place. */
function image(levelAt: (x: number, y: number) => number): RgbImage {
  const pixels = Uint8Array.from({ length: 3 * side * side }, (_, i) => {
    const at = Math.floor(i / 3);
    return levelAt(at % side, Math.floor(at / side));
  });
  return { widthPixels: side, heightPixels: side, pixels };
}
const isIn = (x: number, y: number, reach: number) =>
  Math.max(Math.abs(x - 19.5), Math.abs(y - 19.5)) < reach;
const count = (truth: Uint8Array) => truth.reduce((sum, value) => sum + value, 0);

describe("productOnWhite()", () => {
  it("finds the product", () => {
    const truth = productOnWhite(image((x, y) => (isIn(x, y, 10) ? 80 : 252)))!;
    expect(count(truth)).toBe(400);
    expect(truth[19 * side + 19]).toBe(1);
    expect(truth[0]).toBe(0);
  });

  it("takes a large white hole for backdrop, and a pale one for product", () => {
    const holed = (reach: number, level: number) =>
      count(
        productOnWhite(image((x, y) => (isIn(x, y, reach) ? level : isIn(x, y, 10) ? 80 : 255)))!,
      );
    expect(holed(4, 255)).toBe(400 - 64);
    expect(holed(4, 248)).toBe(400);
  });

  it("knows no truth without a white border", () => {
    expect(productOnWhite(image((x, y) => (isIn(x, y, 10) ? 80 : 200)))).toBeNull();
    expect(productOnWhite(image((x, y) => (y >= 16 || isIn(x, y, 10) ? 80 : 255)))).toBeNull();
  });
});

describe("maskOverlap()", () => {
  it("is the intersection over the union, from half of the subject", () => {
    expect(maskOverlap(Uint8Array.of(255, 128, 127, 0), Uint8Array.of(1, 0, 1, 0))).toBeCloseTo(
      1 / 3,
    );
    expect(maskOverlap(Uint8Array.of(0), Uint8Array.of(0))).toBe(1);
    expect(maskOverlap(Uint8Array.of(255, 200), Uint8Array.of(1, 1))).toBe(1);
  });
});
