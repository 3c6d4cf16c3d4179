/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { colourLikeness } from "../../../../src/ml/studio/colour-likeness.js";
import { maskFaultOf } from "../../../../src/ml/studio/mask-faults.js";
import { refinedAlpha, type WorkMask, workMask } from "../../../../src/ml/studio/refine-mask.js";
import { resized } from "../../../../src/ml/studio/resample.js";
import { SALIENCY_EXTENT, SaliencyNet } from "../../../../src/ml/studio/saliency-net.js";
import { withSecondLook } from "../../../../src/ml/studio/second-look.js";
import { patience } from "../../../helpers/patience.js";
import { studioPackDir } from "../runtime/studio-pack.js";
import { box, type Colour, disc, overlap, photograph, type Shape, truth } from "./photographs.js";

const WIDTH = 500;
const HEIGHT = 400;
const yellow: Colour = [220, 210, 60];
/** Dark boards with wide joints: not plain. */
const floor = (x: number, y: number): Colour =>
  Math.floor(x / 25) % 2 === 0 ? [90 + (y % 7), 70, 60] : [150, 120 + (y % 5), 100];

/** What a network says that sees just these shapes. */
function lookOf(shape: Shape, sure = 1): Float32Array {
  const whole = Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) =>
    shape(at % WIDTH, Math.floor(at / WIDTH)),
  );
  const extent = { widthPixels: WIDTH, heightPixels: HEIGHT };
  return resized(whole, extent, SALIENCY_EXTENT, 1).map(value => sure * value);
}

const union =
  (...shapes: readonly Shape[]): Shape =>
  (x, y) =>
    Math.max(...shapes.map(shape => shape(x, y)));

const body = box(180, 100, 320, 340);
const leftArm = box(80, 110, 185, 160);
const rightArm = box(315, 110, 420, 160);
const suit = union(body, leftArm, rightArm);
const photo = photograph(WIDTH, HEIGHT, {
  backdrop: floor,
  layers: [{ shape: suit, colour: yellow }],
});

function twice(image: RgbImage, first: Float32Array, second: Float32Array): WorkMask {
  const work = workMask(image, first);
  expect(work.evidence).toBeNull();
  return withSecondLook(work, second);
}
const found = (work: WorkMask, shape: Shape) =>
  overlap(refinedAlpha(photo, work), truth(WIDTH, HEIGHT, shape));

describe("withSecondLook()", () => {
  it("joins what either look sees, where it has the subject's colours", () => {
    const first = lookOf(union(body, leftArm));
    const work = twice(photo, first, lookOf(union(body, rightArm)));
    expect(found(workMask(photo, first), suit)).toBeLessThan(0.92);
    expect(found(work, suit)).toBeGreaterThan(0.97);
    expect(maskFaultOf(work, photo)).toBeNull();
  });

  it("leaves out what one look sees, where it has the backdrop's colours", () => {
    const patch = box(330, 200, 400, 300);
    const work = twice(photo, lookOf(union(suit, patch)), lookOf(suit));
    expect(found(work, suit)).toBeGreaterThan(0.97);
    expect(maskFaultOf(work, photo)).toBeNull();
  });

  it("changes nothing where both looks agree", () => {
    const work = twice(photo, lookOf(suit), lookOf(suit));
    const first = workMask(photo, lookOf(suit));
    expect(work.subject).toEqual(first.subject);
    expect(work.missing).toBe(0);
  });

  it("refuses a mask without a sleeve that neither look sees", () => {
    const work = twice(photo, lookOf(union(body, leftArm)), lookOf(union(body, leftArm)));
    // The arm's 95 x 50 pixels beside the body, of the 38,850 pixels found.
    expect(work.missing).toBeGreaterThan(0.08);
    expect(work.missing).toBeLessThan(0.14);
    expect(maskFaultOf(work, photo)).toBe("INCOMPLETE");
  });

  it("does not take a band of the subject's colour along its edge for a part", () => {
    const band = box(320, 165, 332, 340); // such as a reflection
    const layers = [{ shape: union(suit, band), colour: yellow }];
    const lit = photograph(WIDTH, HEIGHT, { backdrop: floor, layers });
    const work = twice(lit, lookOf(suit), lookOf(suit));
    expect(work.missing).toBeLessThan(0.01);
    expect(maskFaultOf(work, lit)).toBeNull();
  });

  it("counts what one look half sees, where colours say nothing", () => {
    // The brim has the hat's colours and the floor's to equal parts, as a striped one.
    const brim = box(120, 300, 380, 345);
    const striped = (x: number, y: number): Colour => (x % 30 < 15 ? yellow : floor(x, y));
    const layers = [
      { shape: body, colour: yellow },
      { shape: brim, colour: striped },
    ];
    const hat = photograph(WIDTH, HEIGHT, { backdrop: floor, layers });
    const top = box(180, 100, 320, 300);
    const doubted = lookOf(brim, 0.45);
    const first = lookOf(top).map((value, at) => Math.max(value, doubted[at]));
    expect(twice(hat, first, lookOf(top)).missing).toBeGreaterThan(0.1);
  });
});

describe("a part in the colour of a plain backdrop", () => {
  const sleeve = box(320, 110, 420, 160);
  const dress: Shape = union(box(180, 60, 320, 340), sleeve);
  const wall: Colour = [228, 226, 222];
  const image = photograph(WIDTH, HEIGHT, {
    backdrop: wall,
    layers: [
      { shape: dress, colour: [70, 60, 140] },
      { shape: sleeve, colour: [226, 226, 224] },
    ],
  });

  it("is refused where the network sees it", () => {
    const work = workMask(image, lookOf(dress));
    expect(work.evidence).not.toBeNull();
    expect(work.missing).toBeGreaterThan(0.02);
    expect(maskFaultOf(work, image)).toBe("INCOMPLETE");
  });

  it("is no part where the network does not", () => {
    const work = workMask(image, lookOf(box(180, 60, 320, 340)));
    expect(work.missing).toBe(0);
    expect(maskFaultOf(work, image)).toBeNull();
  });
});

describe("colourLikeness()", () => {
  it("is near 1 for the subject's colours, near 0 for the backdrop's, 1/2 for neither's and for both", () => {
    const [red, blue, green, grey] = [
      [200, 20, 20],
      [20, 20, 200],
      [20, 200, 20],
      [90, 90, 90],
    ];
    const pixels = Float32Array.from([red, grey, blue, grey, red, blue, green, grey].flat());
    const likeness = colourLikeness(
      pixels,
      Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0),
      Uint8Array.of(0, 0, 1, 1, 0, 0, 0, 0),
    );
    const [, , , , ofRed, ofBlue, ofGreen, ofGrey] = likeness;
    expect(ofRed).toBeGreaterThan(0.99);
    expect(ofBlue).toBeLessThan(0.01);
    expect([ofGreen, ofGrey]).toEqual([0.5, 0.5]);
  });
});

describe("SaliencyNet.run()", () => {
  it(
    "sees the mirror image, and mirrors its map back",
    async () => {
      const net = await SaliencyNet.load(await openModelPack(studioPackDir), { numThreads: 1 });
      const bag = union(box(60, 80, 200, 300), disc(260, 120, 40));
      const image = photograph(400, 380, {
        backdrop: floor,
        layers: [{ shape: bag, colour: yellow }],
      });
      const mirrored = {
        ...image,
        pixels: image.pixels.map((_, i) => {
          const [y, x] = [Math.floor(i / 1_200), Math.floor((i % 1_200) / 3)];
          return image.pixels[3 * (400 * y + 399 - x) + (i % 3)];
        }),
      };
      const expected = await net.run(mirrored);
      const map = await net.run(image, true);
      const farthest = map.reduce(
        (far, value, at) => Math.max(far, Math.abs(value - expected[at + 319 - 2 * (at % 320)])),
        0,
      );
      expect(farthest).toBeLessThan(1e-3);
      await net.dispose();
    },
    patience(20_000),
  );
});
