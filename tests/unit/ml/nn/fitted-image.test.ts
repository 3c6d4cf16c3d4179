import { drawnBox, fittedImage } from "../../../../src/ml/nn/fitted-image.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";

/** White, but for a box of one colour. */
function boxOn(
  [widthPixels, heightPixels]: [number, number],
  { height, left, top, width }: { top: number; left: number; height: number; width: number },
): RgbImage {
  const pixels = new Uint8Array(3 * widthPixels * heightPixels).fill(255);
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) {
      pixels.set([10, 200, 30], 3 * (y * widthPixels + x));
    }
  }
  return { widthPixels, heightPixels, pixels };
}

describe("fittedImage", () => {
  it("centres and scales a drawing, and changes no colour", () => {
    const image = boxOn([16, 20], { top: 1, left: 2, height: 6, width: 3 });
    expect(fittedImage(image, 12)).toEqual(
      boxOn([16, 20], { top: 4, left: 5, height: 12, width: 6 }),
    );
    expect(fittedImage(image, 4)).toEqual(
      boxOn([16, 20], { top: 8, left: 7, height: 4, width: 2 }),
    );
  });

  it("keeps a drawing that is already centred and scaled", () => {
    const image = boxOn([16, 16], { top: 2, left: 4, height: 12, width: 8 });
    const striped = { ...image, pixels: image.pixels.map((x, i) => (x < 255 ? (i * 7) % 240 : x)) };
    expect(fittedImage(striped, 12)).toEqual(striped);
  });

  it("keeps a drawing inside the image, and white paper white", () => {
    const wide = boxOn([8, 8], { top: 3, left: 0, height: 2, width: 8 });
    expect(fittedImage(wide, 100)).toEqual(boxOn([8, 8], { top: 0, left: 0, height: 8, width: 8 }));
    const white = boxOn([8, 8], { top: 0, left: 0, height: 0, width: 0 });
    expect(fittedImage(white, 6)).toEqual(white);
  });
});

describe("drawnBox", () => {
  it("is the drawn region; the whole image for blank paper", () => {
    expect(drawnBox(boxOn([9, 7], { top: 2, left: 5, height: 1, width: 3 }))).toEqual({
      rows: { start: 2, length: 1 },
      columns: { start: 5, length: 3 },
    });
    expect(drawnBox(boxOn([9, 7], { top: 0, left: 0, height: 0, width: 0 }))).toEqual({
      rows: { start: 0, length: 7 },
      columns: { start: 0, length: 9 },
    });
  });
});
