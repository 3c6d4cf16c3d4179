import { Random } from "../../../../src/ml/nn/random.js";
import { boxMean, dilated, eroded, opened } from "../../../../src/ml/studio/box-filter.js";

const extent = { widthPixels: 23, heightPixels: 17 };
const size = extent.widthPixels * extent.heightPixels;

/** The values of the window around each pixel, as far as it lies inside. */
function windows(plane: ArrayLike<number>, radius: number): number[][] {
  const { heightPixels: height, widthPixels: width } = extent;
  return Array.from({ length: size }, (_, at) => {
    const [px, py] = [at % width, Math.floor(at / width)];
    const values: number[] = [];
    for (let y = Math.max(0, py - radius); y <= Math.min(height - 1, py + radius); y++) {
      for (let x = Math.max(0, px - radius); x <= Math.min(width - 1, px + radius); x++) {
        values.push(plane[y * width + x]);
      }
    }
    return values;
  });
}

/** Of a mask, about this share is set. */
function randomMask(share: number): Uint8Array {
  const random = new Random(5);
  return Uint8Array.from({ length: size }, () => (random.uniform() < share ? 1 : 0));
}

// Radii above half of a side, and above a whole one, too.
describe.each([1, 2, 5, 12, 30])("windows of radius %i", radius => {
  it.each([0, 0.02, 0.5, 0.98, 1])("spread and shrink a mask of share %d", share => {
    const mask = randomMask(share);
    const around = windows(mask, radius);
    expect([...dilated(mask, extent, radius)]).toEqual(around.map(values => Math.max(...values)));
    expect([...eroded(mask, extent, radius)]).toEqual(around.map(values => Math.min(...values)));
  });

  it("have the mean of what lies inside", () => {
    const plane = Float32Array.from({ length: size }, (_, at) => (at * 37) % 101);
    const expected = windows(plane, radius).map(
      values => values.reduce((sum, value) => sum + value, 0) / values.length,
    );
    boxMean(plane, extent, radius).forEach((mean, at) => {
      expect(mean).toBeCloseTo(expected[at], 3);
    });
    expect(boxMean(Uint8Array.from(plane), extent, radius)).toEqual(boxMean(plane, extent, radius));
  });
});

it("opened() drops what is thinner than the window, and keeps the rest as it is", () => {
  const block = (x: number, y: number) => x >= 3 && x < 10 && y >= 4 && y < 12;
  const line = (x: number, y: number) => y === 14 || x === 16;
  const maskOf = (isSet: (x: number, y: number) => boolean) =>
    Uint8Array.from({ length: size }, (_, at) =>
      isSet(at % extent.widthPixels, Math.floor(at / extent.widthPixels)) ? 1 : 0,
    );
  const both = maskOf((x, y) => block(x, y) || line(x, y));
  expect(opened(both, extent, 1)).toEqual(maskOf(block));
});
