/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { maskFaultOf } from "../../../../src/ml/studio/mask-faults.js";
import { refinedAlpha, workMask } from "../../../../src/ml/studio/refine-mask.js";
import { resized } from "../../../../src/ml/studio/resample.js";
import { SALIENCY_EXTENT } from "../../../../src/ml/studio/saliency-net.js";
import { SubjectMasker } from "../../../../src/ml/studio/subject-mask.js";
import { patience } from "../../../helpers/patience.js";
import { studioPackDir } from "../runtime/studio-pack.js";
import { box, disc, overlap, photograph, type Shape, truth } from "./photographs.js";

/** What a perfect network of 320 x 320 would say, or a doubtful one. */
function mapOf(image: RgbImage, shape: Shape, sure = 1): Float32Array {
  const { heightPixels, widthPixels } = image;
  const whole = Float32Array.from({ length: widthPixels * heightPixels }, (_, at) =>
    shape(at % widthPixels, Math.floor(at / widthPixels)),
  );
  return resized(whole, image, SALIENCY_EXTENT, 1).map(value => sure * value);
}

const faultOf = (image: RgbImage, shape: Shape, sure = 1) =>
  maskFaultOf(workMask(image, mapOf(image, shape, sure)), image);

const white = [250, 250, 250] as const;
const red = [180, 40, 40] as const;

describe("a mask on a plain backdrop", () => {
  const strap = box(298, 40, 302, 150);
  const bag = box(200, 150, 400, 330);
  const shape: Shape = (x, y) => Math.max(strap(x, y), bag(x, y));
  const image = photograph(600, 400, { backdrop: white, layers: [{ shape, colour: red }] });

  it("finds a thin part that the network does not see", () => {
    const work = workMask(image, mapOf(image, bag));
    expect(maskFaultOf(work, image)).toBeNull();
    const alpha = refinedAlpha(image, work);
    expect(overlap(alpha, truth(600, 400, shape))).toBeGreaterThan(0.97);
    expect(alpha[90 * 600 + 300]).toBeGreaterThan(200);
  });

  it("keeps a second product beside the one that the network sees", () => {
    const second = disc(80, 300, 40);
    const both: Shape = (x, y) => Math.max(bag(x, y), second(x, y));
    const colours = [
      { shape: bag, colour: red },
      { shape: second, colour: [30, 90, 160] as const },
    ];
    const pair = photograph(600, 400, { backdrop: white, layers: colours });
    const alpha = refinedAlpha(pair, workMask(pair, mapOf(pair, bag)));
    expect(overlap(alpha, truth(600, 400, both))).toBeGreaterThan(0.97);
  });

  it("leaves a soft shadow to the backdrop", () => {
    const shadow: Shape = (x, y) =>
      0.4 * Math.exp(-(((x - 300) / 120) ** 2) - ((y - 345) / 18) ** 2);
    const layers = [
      { shape: shadow, colour: [0, 0, 0] as const },
      { shape: bag, colour: red },
    ];
    const shaded = photograph(600, 400, { backdrop: white, layers });
    const alpha = refinedAlpha(shaded, workMask(shaded, mapOf(shaded, bag)));
    expect(overlap(alpha, truth(600, 400, bag))).toBeGreaterThan(0.97);
  });

  it("keeps a white print inside the product", () => {
    const print = box(260, 200, 340, 260);
    const layers = [
      { shape: bag, colour: red },
      { shape: print, colour: white },
    ];
    const printed = photograph(600, 400, { backdrop: white, layers });
    const alpha = refinedAlpha(printed, workMask(printed, mapOf(printed, bag)));
    expect(alpha[230 * 600 + 300]).toBe(255);
  });

  it("opens the gap between two parts that the network joins", () => {
    const gap = box(280, 200, 320, 330);
    const handle: Shape = (x, y) => bag(x, y) * (1 - gap(x, y));
    const open = photograph(600, 400, {
      backdrop: white,
      layers: [{ shape: handle, colour: red }],
    });
    const alpha = refinedAlpha(open, workMask(open, mapOf(open, bag, 0.58)));
    expect(alpha[250 * 600 + 300]).toBe(0);
  });
});

describe("a mask on a floor", () => {
  it("follows the product's edge, not the network's coarse one", () => {
    const shape = disc(300, 200, 120);
    const floor = (x: number, y: number) =>
      [130 + 25 * Math.sin(x / 7), 100 + 20 * Math.sin(x / 7 + y / 90), 70] as const;
    const image = photograph(600, 400, {
      backdrop: floor,
      layers: [{ shape, colour: [20, 40, 120] }],
    });
    const coarse = mapOf(image, disc(303, 198, 124));
    const alpha = refinedAlpha(image, workMask(image, coarse));
    const expected = truth(600, 400, shape);
    const before = resized(coarse, SALIENCY_EXTENT, image, 1).map(p => 255 * p);
    expect(overlap(Uint8Array.from(before), expected)).toBeLessThan(0.94);
    expect(overlap(alpha, expected)).toBeGreaterThan(0.97);
  });
});

describe("maskFaultOf", () => {
  const bag = box(150, 100, 350, 300);
  const on = (backdrop: readonly [number, number, number], shape = bag, colour = red) =>
    photograph(500, 400, { backdrop, layers: [{ shape, colour: colour }] });

  it("finds none in a packshot", () => {
    expect(faultOf(on(white), bag)).toBeNull();
  });

  it("finds none in a product that touches the border", () => {
    const tall = box(150, 60, 350, 500);
    expect(faultOf(on(white, tall), tall)).toBeNull();
  });

  it("finds none in several products", () => {
    const pair: Shape = (x, y) => Math.max(disc(120, 200, 70)(x, y), disc(370, 200, 70)(x, y));
    expect(faultOf(on(white, pair), pair)).toBeNull();
  });

  it("refuses a thumbnail of 60 pixels", () => {
    const small = disc(30, 30, 20);
    const image = photograph(60, 60, { backdrop: white, layers: [{ shape: small, colour: red }] });
    expect(faultOf(image, small)).toBe("IMAGE_TOO_SMALL");
  });

  it("refuses an image without a subject", () => {
    expect(
      faultOf(
        on(white, () => 0),
        () => 0,
      ),
    ).toBe("NO_SUBJECT");
  });

  it("refuses an image that is nearly all subject", () => {
    const all = box(3, 3, 496, 396);
    expect(faultOf(on(white, all), all)).toBe("NO_BACKDROP");
  });

  it("refuses a collage", () => {
    const layers = [
      { shape: box(250, 0, 500, 400), colour: [120, 150, 120] as const },
      { shape: bag, colour: (x: number) => (x < 250 ? red : ([40, 60, 140] as const)) },
    ];
    expect(faultOf(photograph(500, 400, { backdrop: [210, 200, 190], layers }), bag)).toBe(
      "COLLAGE",
    );
  });

  it("refuses a subject in many pieces", () => {
    const dots: Shape = (x, y) => disc(0, 0, 7)((x % 40) - 20, (y % 40) - 20);
    const floor = (x: number, y: number) =>
      [120 + 9 * Math.sin(x / 3), 90 + 9 * Math.sin(y / 4), 80] as const;
    const image = photograph(500, 400, { backdrop: floor, layers: [{ shape: dots, colour: red }] });
    expect(faultOf(image, dots)).toBe("FRAGMENTED");
  });

  it("refuses a subject that the network doubts, such as glass", () => {
    const glass = photograph(500, 400, {
      backdrop: (x, y) => [120 + 40 * Math.sin(x / 9), 110, 90 + 30 * Math.sin(y / 11)] as const,
      layers: [{ shape: (x, y) => 0.3 * bag(x, y), colour: [230, 240, 240] }],
    });
    expect(faultOf(glass, bag, 0.6)).toBe("UNSURE");
  });

  it("refuses white on white", () => {
    expect(faultOf(on(white, bag, [247, 247, 247] as never), bag)).toMatch(/WEAK_EDGE|SEE_THROUGH/);
  });

  it("refuses a product a third of whose edge has the colour of what is behind it", () => {
    // The grain makes the backdrop restless, so colours alone say nothing and only the edge is asked.
    const grain = { backdrop: [130, 120, 110] as const, noise: 12 };
    const blendingTo = (x: number) =>
      photograph(500, 400, { ...grain, layers: [{ shape: box(x, 100, 350, 300), colour: red }] });
    // The first 60 or 20 of the box's 200 columns are the backdrop's: 320 or 240 of the edge's 800 pixels.
    expect(faultOf(blendingTo(210), bag)).toBe("WEAK_EDGE");
    expect(faultOf(blendingTo(170), bag)).toBeNull();
    expect(workMask(blendingTo(210), mapOf(blendingTo(210), bag)).evidence).toBeNull();
  });

  it("refuses glass on a plain backdrop, which shows through", () => {
    const rim: Shape = (x, y) => bag(x, y) - box(158, 108, 342, 292)(x, y);
    const glass = on(white, rim, [150, 160, 160] as never);
    expect(faultOf(glass, bag)).toBe("SEE_THROUGH");
  });
});

describe("SubjectMasker", () => {
  const shape = disc(200, 150, 80);
  const image = photograph(400, 300, {
    backdrop: [235, 233, 230],
    layers: [{ shape, colour: red }],
  });

  it(
    "masks a product, and takes a transparent image's own alpha",
    async () => {
      const masker = await SubjectMasker.load(await openModelPack(studioPackDir), {
        numThreads: 1,
      });
      const mask = await masker.mask(image);
      expect(mask).toMatchObject({ widthPixels: 400, heightPixels: 300, fault: null });
      expect(overlap(mask.alpha, truth(400, 300, shape))).toBeGreaterThan(0.97);
      expect(mask.coverage).toBeCloseTo((Math.PI * 80 ** 2) / (400 * 300), 2);
      const alpha = truth(400, 300, box(10, 10, 60, 60)).map(set => 255 * set);
      expect((await masker.mask(image, alpha)).alpha).toEqual(alpha);
      expect((await masker.mask(image, new Uint8Array(400 * 300).fill(255))).alpha).toEqual(
        mask.alpha,
      );
      await expect(masker.mask(image, alpha.subarray(1))).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
      await masker.dispose();
    },
    patience(20_000),
  );

  it("says which file of the pack is missing or damaged", async () => {
    const pack = (path: string) => ({ path: () => path, versionOf: () => "test" });
    await expect(SubjectMasker.load(pack("package.json"))).rejects.toMatchObject({
      code: "FILE_MALFORMED",
    });
    await expect(SubjectMasker.load(pack("absent.onnx"))).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
    });
  });
});
