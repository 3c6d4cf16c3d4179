import { isPhotograph, photographStatistics } from "../../../../src/ml/metrics/photograph.js";
import { Random } from "../../../../src/ml/nn/random.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";

const SIDE = 64;

function imageOf(colorAt: (x: number, y: number) => readonly number[]): RgbImage {
  const pixels = new Uint8Array(3 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    pixels.set(colorAt(i % SIDE, Math.floor(i / SIDE)), 3 * i);
  }
  return { widthPixels: SIDE, heightPixels: SIDE, pixels };
}

const isInside = (x: number, y: number) => (x - 32) ** 2 + (y - 32) ** 2 < 400;

describe("isPhotograph()", () => {
  it("finds a photograph by the noise of product and backdrop", () => {
    const random = new Random(1);
    const noisy = (level: number) => [0, 1, 2].map(() => level + 4 * random.normals(1)[0]);
    const photograph = imageOf((x, y) => noisy(isInside(x, y) ? 90 : 190));
    expect(isPhotograph(photograph)).toBe(true);
    expect(photographStatistics(photograph).flat).toBeLessThan(0.05);
  });

  it("does not take flat areas for a photograph", () => {
    const drawing = imageOf((x, y) => (isInside(x, y) ? [250, 200, 20] : [255, 255, 255]));
    expect(isPhotograph(drawing)).toBe(false);
    const scene = imageOf((x, y) => (isInside(x, y) ? [250, 200, 20] : [4 * x, 4 * y, 90]));
    expect(isPhotograph(scene)).toBe(true); // shading everywhere but in the circle
    const bands = imageOf((x, y) => (y < 32 ? [10, 20, 30] : [200, 20, 30 + (x >> 4)]));
    expect(photographStatistics(bands).backdrop).toBeLessThan(0.95);
    expect(isPhotograph(bands)).toBe(false);
  });

  it("takes an object on a perfect backdrop for a drawing, however it is shaded", () => {
    const random = new Random(1);
    const render = imageOf((x, y) =>
      isInside(x, y) ? [0, 1, 2].map(() => 128 + 20 * random.normals(1)[0]) : [255, 255, 255],
    );
    expect(photographStatistics(render)).toMatchObject({ backdrop: 1 });
    expect(isPhotograph(render)).toBe(false);
  });

  it("has an answer for one pixel and for one colour", () => {
    const pixel = { widthPixels: 1, heightPixels: 1, pixels: new Uint8Array([1, 2, 3]) };
    expect(isPhotograph(pixel)).toBe(false);
    expect(photographStatistics(imageOf(() => [7, 7, 7]))).toEqual({ backdrop: 1, flat: 1 });
  });
});
