import { qualityVerdict } from "../../../../src/ml/diffusion/quality-gate.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";

const SIZE = 64;

/** A grey image of `level(x, y)`, 0 … 255. */
function image(level: (x: number, y: number) => number): RgbImage {
  const levels = Array.from({ length: SIZE * SIZE }, (_, i) =>
    level(i % SIZE, Math.floor(i / SIZE)),
  );
  const pixels = Uint8Array.from(levels.flatMap(value => [value, value, value]));
  return { widthPixels: SIZE, heightPixels: SIZE, pixels };
}

const random = new Random(5);
const disc = image((x, y) => (Math.hypot(x - 32, y - 32) < 16 ? 40 : 250));
const noise = image(() => random.int(256));
const blank = image(() => 200);

describe("qualityVerdict()", () => {
  it("passes a drawing", () => {
    expect(qualityVerdict(disc)).toMatchObject({ passes: true, faults: [], similarity: null });
  });

  it("detects a blank image, even with faint noise", () => {
    expect(qualityVerdict(blank)).toMatchObject({ passes: false, faults: ["BLANK"], contrast: 0 });
    expect(qualityVerdict(image(() => 200 + random.int(4))).faults).toEqual(["BLANK"]);
  });

  it("detects noise", () => {
    const { coarseCorrelation, contrast, faults, fineCorrelation } = qualityVerdict(noise);
    expect(faults).toEqual(["NOISE"]);
    expect(contrast).toBeCloseTo(Math.sqrt((256 ** 2 - 1) / 12) / 255, 2); // uniform on 0 … 255
    expect(Math.abs(fineCorrelation)).toBeLessThan(0.05);
    expect(Math.abs(coarseCorrelation)).toBeLessThan(0.05);
  });

  it("detects decoded latent noise, which has blotches", () => {
    const levels = Array.from({ length: 32 * 32 }, () => random.int(256));
    const blotches = image((x, y) => levels[(y >> 1) * 32 + (x >> 1)]);
    expect(qualityVerdict(blotches).faults).toEqual(["NOISE"]);
  });

  it("measures two halves as computed manually", () => {
    // Var = 1/4. Of 64 columns, 2 of 62 pairs two apart and 4 of 60 pairs four apart differ, by 1; no rows do.
    const { coarseCorrelation, contrast, fineCorrelation } = qualityVerdict(
      image(x => (x < SIZE / 2 ? 0 : 255)),
    );
    expect(contrast).toBeCloseTo(0.5, 6);
    expect(fineCorrelation).toBeCloseTo(1 - 2 / 62, 6);
    expect(coarseCorrelation).toBeCloseTo(1 - 4 / 60, 6);
  });

  it("enforces the floor of similarity to the reference", () => {
    const reference = Float32Array.of(1, 0);
    const near = { generated: Float32Array.of(2, 1), reference };
    const far = { generated: Float32Array.of(1, 4), reference };
    expect(qualityVerdict(disc, near)).toMatchObject({
      passes: true,
      similarity: 2 / Math.sqrt(5),
    });
    expect(qualityVerdict(disc, far).faults).toEqual(["UNLIKE_REFERENCE"]);
    expect(qualityVerdict(blank, far).faults).toEqual(["BLANK", "UNLIKE_REFERENCE"]);
  });

  it("accepts thresholds", () => {
    const config = {
      minContrast: 0,
      minFineCorrelation: -2,
      minCoarseCorrelation: -2,
      minSimilarity: -1,
    };
    expect(qualityVerdict(noise, null, config).passes).toBe(true);
  });
});
