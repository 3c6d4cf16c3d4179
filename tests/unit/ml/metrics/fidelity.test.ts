import { fidelityOf, type FidelityMask } from "../../../../src/ml/metrics/fidelity.js";
import { fittedTo, resizedRgb } from "../../../../src/ml/metrics/resized-rgb.js";
import { ssim } from "../../../../src/ml/metrics/ssim.js";
import { Random } from "../../../../src/ml/nn/random.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";

/** An image of a function of the place. */
function imageOf(
  widthPixels: number,
  heightPixels: number,
  colorAt: (x: number, y: number) => readonly [number, number, number],
): RgbImage {
  const pixels = new Uint8Array(3 * widthPixels * heightPixels);
  for (let y = 0; y < heightPixels; y++) {
    for (let x = 0; x < widthPixels; x++) {
      pixels.set(colorAt(x, y), 3 * (y * widthPixels + x));
    }
  }
  return { widthPixels, heightPixels, pixels };
}

function maskOf({ heightPixels, widthPixels }: RgbImage, isInside: (x: number) => boolean) {
  const alpha = Uint8Array.from({ length: widthPixels * heightPixels }, (_, i) =>
    isInside(i % widthPixels) ? 255 : 0,
  );
  return { alpha, heightPixels, widthPixels } satisfies FidelityMask;
}

/** Weave with grain: fine detail everywhere. */
function fabric(widthPixels = 60, heightPixels = 60): RgbImage {
  const random = new Random(3);
  return imageOf(widthPixels, heightPixels, (x, y) => {
    const level = 120 + 40 * Math.sin(x) * Math.cos(y / 2) + 12 * random.normals(1)[0];
    return [level, level / 2, 255 - level];
  });
}

const same = { colorMean: 0, colorP95: 0, ssim: 1, edgeEnergy: 1, sharpness: 1, size: 1 };

describe("fidelityOf()", () => {
  it("finds nothing in the same image", () => {
    const image = fabric();
    expect(fidelityOf(image, image, null)).toEqual(same);
    expect(
      fidelityOf(
        image,
        image,
        maskOf(image, x => x < 30),
      ),
    ).toEqual(same);
  });

  it("reads nothing outside the mask", () => {
    const image = fabric();
    const changed = imageOf(60, 60, (x, y) => {
      const at = 3 * (y * 60 + x);
      return x < 30 ? [image.pixels[at], image.pixels[at + 1], image.pixels[at + 2]] : [0, 255, 0];
    });
    expect(
      fidelityOf(
        image,
        changed,
        maskOf(image, x => x < 30),
      ),
    ).toEqual(same);
    expect(fidelityOf(image, changed, null).colorMean).toBeGreaterThan(10);
  });

  it("gives the mean and the 95th percentile of the colour differences", () => {
    const grey = imageOf(20, 20, () => [128, 128, 128]);
    // 6 % of the pixels differ.
    const spotted = imageOf(20, 20, (x, y) =>
      20 * y + x < 24 ? [255, 128, 128] : [128, 128, 128],
    );
    const few = imageOf(20, 20, (x, y) => (20 * y + x < 20 ? [255, 128, 128] : [128, 128, 128]));
    const { colorMean, colorP95 } = fidelityOf(grey, spotted, null);
    expect(colorP95).toBeGreaterThan(20);
    expect(colorMean).toBeCloseTo(0.06 * colorP95, 6);
    expect(fidelityOf(grey, few, null).colorP95).toBe(0); // 5 %
  });

  it("agrees with SSIM of the whole image, up to the border that it reads too", () => {
    const image = fabric();
    const noisy = { ...image, pixels: image.pixels.map((value, i) => value + ((i * 7919) % 23)) };
    expect(fidelityOf(image, noisy, null).ssim).toBeCloseTo(ssim(image, noisy), 2);
  });

  it("finds a shrunken image less sharp, with less edges, at the original's size", () => {
    const image = fabric(200, 200);
    const small = resizedRgb(image, { widthPixels: 50, heightPixels: 50 });
    const measured = fidelityOf(image, small, null);
    expect(measured.size).toBe(0.25);
    expect(measured.sharpness).toBeLessThan(0.05);
    expect(measured.edgeEnergy).toBeLessThan(0.5);
    expect(measured.ssim).toBeLessThan(0.5);
  });

  it("gives the size of the side that shrank most", () => {
    const image = fabric(40, 60);
    const ofSize = (widthPixels: number, heightPixels: number) =>
      fidelityOf(image, resizedRgb(image, { widthPixels, heightPixels }), null).size;
    expect(ofSize(10, 45)).toBe(0.25); // 10 / 40, not 45 / 60
    expect(ofSize(30, 15)).toBe(0.25); // 15 / 60, not 30 / 40
  });

  it("finds noise sharper than the original", () => {
    const flat = imageOf(40, 40, () => [100, 100, 100]);
    expect(fidelityOf(flat, fabric(40, 40), null).sharpness).toBeGreaterThan(100);
    expect(fidelityOf(flat, flat, null).sharpness).toBe(1);
  });

  it("reads a soft mask by its halves, and a solid one without its edge", () => {
    const image = imageOf(10, 10, () => [90, 90, 90]);
    const edge = imageOf(10, 10, x => (x === 5 ? [200, 90, 90] : [90, 90, 90]));
    const alpha = Uint8Array.from(
      { length: 100 },
      (_, i) => [255, 200, 0][Math.sign((i % 10) - 5) + 1],
    );
    const sized = { heightPixels: 10, widthPixels: 10 };
    expect(fidelityOf(image, edge, { ...sized, alpha }).colorP95).toBe(0);
    const soft = alpha.map(value => Math.min(value, 200));
    expect(fidelityOf(image, edge, { ...sized, alpha: soft }).colorP95).toBeGreaterThan(20);
  });

  it("finds nothing under an empty mask", () => {
    const image = fabric();
    const other = imageOf(60, 60, () => [0, 0, 0]);
    expect(
      fidelityOf(
        image,
        other,
        maskOf(image, () => false),
      ),
    ).toMatchObject({ ssim: 1, colorP95: 0 });
  });

  it("refuses a mask of another size", () => {
    const image = fabric();
    expect(() =>
      fidelityOf(
        image,
        image,
        maskOf(fabric(50, 60), () => true),
      ),
    ).toThrow("fidelityOf: expected a mask of 60 x 60, got 50 x 60");
  });
});

describe("fittedTo()", () => {
  it("takes away the white borders of a generator of square images", () => {
    const tall = imageOf(40, 80, (_, y) => [3 * y, 50, 200]);
    const square = imageOf(80, 80, (x, y) =>
      x >= 20 && x < 60 ? [3 * y, 50, 200] : [255, 255, 255],
    );
    expect(fittedTo(square, tall)).toEqual(tall);
  });

  it("keeps an even image even", () => {
    const even = imageOf(13, 7, () => [10, 200, 77]);
    for (const size of [
      { widthPixels: 130, heightPixels: 71 },
      { widthPixels: 5, heightPixels: 3 },
    ]) {
      expect(resizedRgb(even, size)).toEqual(
        imageOf(size.widthPixels, size.heightPixels, () => [10, 200, 77]),
      );
    }
  });

  it("shrinks by means, so that fine stripes become grey", () => {
    const stripes = imageOf(64, 8, x => (x % 2 === 0 ? [0, 0, 0] : [254, 254, 254]));
    const { pixels } = resizedRgb(stripes, { widthPixels: 8, heightPixels: 8 });
    expect(Math.max(...pixels.map(value => Math.abs(value - 127)))).toBeLessThan(12);
  });
});
