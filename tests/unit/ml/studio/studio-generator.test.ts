/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import type { GenerateRequest } from "../../../../src/ml/diffusion/image-generator.js";
import { RenderPool } from "../../../../src/ml/diffusion/render-pool.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { linearOf, oklabOf } from "../../../../src/ml/studio/oklab.js";
import { encodeSetting, type Setting } from "../../../../src/ml/studio/setting.js";
import { StudioGenerator } from "../../../../src/ml/studio/studio-generator.js";
import { describeImageGenerator } from "../../../contracts/image-generator.contract.js";
import { patience } from "../../../helpers/patience.js";
import { studioPackDir } from "../runtime/studio-pack.js";
import { box, disc, photograph, type Shape, truth } from "./photographs.js";

const [width, height] = [320, 240];
const shape = box(110, 60, 210, 190);
const red = [180, 40, 40] as const;
const white = [246, 246, 246] as const;
const photo = photograph(width, height, { backdrop: white, layers: [{ shape, colour: red }] });

const alphaOf = (own: Shape) =>
  Uint8Array.from({ length: width * height }, (_, at) =>
    Math.round(255 * own(at % width, Math.floor(at / width))),
  );
const maskOf = (own: Shape) => ({
  widthPixels: width,
  heightPixels: height,
  alpha: alphaOf(own),
});

const warm: Setting = {
  kind: "RESTAGE",
  texture: "WOOD",
  colour: [0.75, 0.03, 0.05],
  light: -0.5,
  depth: 0.6,
  scale: 1,
  scene: 0,
};
const kinds: readonly Setting[] = [
  warm,
  { ...warm, kind: "STUDIO" },
  { ...warm, kind: "SURFACE" },
  { ...warm, kind: "SURFACE", texture: "STONE" },
  { ...warm, kind: "SURFACE", texture: "LINEN" },
  { ...warm, kind: "SURFACE", texture: "PLASTER" },
  { ...warm, kind: "SURFACE", texture: "PAPER" },
];

const requestOf = (settings: readonly Setting[], image = photo, own = shape): GenerateRequest => ({
  prompt: "",
  initImage: image,
  mask: maskOf(own),
  conditions: settings.map(encodeSetting),
  numImages: settings.length,
  seed: 1,
});

/** Mean OKLab of the pixels that a mask leaves out. */
function backdropOf({ pixels }: RgbImage, own: Shape) {
  const inside = truth(width, height, own);
  const sums = [0, 0, 0];
  let count = 0;
  inside.forEach((set, at) => {
    if (set === 0) {
      count++;
      sums.forEach((sum, c) => {
        const value = pixels[3 * at + c] / 255;
        sums[c] = sum + (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
      });
    }
  });
  return oklabOf([sums[0] / count, sums[1] / count, sums[2] / count]);
}

const create = () => StudioGenerator.create({ path: () => "absent.onnx", versionOf: () => "test" });

describeImageGenerator("StudioGenerator", async () => ({ generator: create() }), requestOf([warm]));

describeImageGenerator(
  "RenderPool of the studio pack",
  async () => {
    const generator = await RenderPool.create({ packDir: studioPackDir, onnxThreads: 1 });
    return { generator, close: () => generator.close() };
  },
  requestOf([warm]),
);

describe("StudioGenerator", () => {
  const generator = create();

  it("keeps every pixel of the product, whatever the setting", async () => {
    const images = await generator.generate(requestOf(kinds));
    const alpha = alphaOf(shape);
    for (const { pixels } of images) {
      let changed = 0;
      alpha.forEach((value, at) => {
        for (let i = 3 * at; i < 3 * at + 3; i++) {
          changed += value === 255 && pixels[i] !== photo.pixels[i] ? 1 : 0;
        }
      });
      expect(changed).toBe(0);
    }
    expect(new Set(images.map(({ pixels }) => Buffer.from(pixels).toString("base64"))).size).toBe(
      kinds.length,
    );
  });

  it.each(kinds.map(setting => [setting.kind, setting.texture, setting] as const))(
    "paints a backdrop of the setting's colour: %s %s",
    async (_, _texture, setting) => {
      const [image] = await generator.generate(requestOf([setting]));
      const [lightness, a, b] = backdropOf(image, shape);
      expect(Math.hypot(a - setting.colour[1], b - setting.colour[2])).toBeLessThan(0.025);
      expect(Math.abs(lightness - setting.colour[0])).toBeLessThan(0.1);
    },
  );

  it("leaves no rim of the old backdrop around the product", async () => {
    const dark: Setting = { ...warm, kind: "STUDIO", colour: [0.3, 0, 0] };
    const ball = disc(160, 120, 60);
    const image = photograph(width, height, {
      backdrop: white,
      layers: [{ shape: ball, colour: red }],
    });
    const [made] = await generator.generate(requestOf([dark], image, ball));
    const alpha = alphaOf(ball);
    let brightest = 0;
    alpha.forEach((value, at) => {
      if (value > 0 && value < 255) {
        brightest = Math.max(brightest, made.pixels[3 * at + 1]); // green: red's 40 between the wall's and white's 246
      }
    });
    expect(brightest).toBeLessThan(75);
  });

  it("keeps the light and the shadow of a backdrop that it restages", async () => {
    const shadow: Shape = (x, y) => 0.5 * Math.exp(-(((x - 160) / 60) ** 2) - ((y - 195) / 9) ** 2);
    const layers = [
      { shape: shadow, colour: [0, 0, 0] as const },
      { shape, colour: red },
    ];
    const image = photograph(width, height, { backdrop: white, layers });
    const [made] = await generator.generate(requestOf([warm], image));
    const at = (x: number, y: number) => made.pixels[3 * (y * width + x) + 1];
    expect(at(160, 198)).toBeLessThan(0.85 * at(160, 230));
  });

  it("lets a product that the border cuts touch the border", async () => {
    const cut = box(110, 60, 210, 300);
    const image = photograph(width, height, {
      backdrop: white,
      layers: [{ shape: cut, colour: red }],
    });
    for (const { pixels } of await generator.generate(requestOf(kinds, image, cut))) {
      const last = 3 * ((height - 1) * width + 160);
      expect(pixels.subarray(last, last + 3)).toEqual(image.pixels.subarray(last, last + 3));
    }
  });

  it("gives back the original of a mask that says so", async () => {
    const all = maskOf(() => 1);
    const request = { ...requestOf([warm]), mask: all };
    const [image] = await generator.generate(request);
    expect(image.pixels).toEqual(photo.pixels);
  });

  it("paints a shop's own backdrop, out of focus, where it has one", async () => {
    const scene = photograph(64, 64, { backdrop: [60, 90, 60], layers: [], noise: 20 });
    const withScene = StudioGenerator.create(
      { path: () => "absent.onnx", versionOf: () => "test" },
      { scenes: [scene] },
    );
    const setting: Setting = { ...warm, kind: "SCENE", colour: [0.45, -0.03, 0.02] };
    const [image] = await withScene.generate(requestOf([setting]));
    const [lightness, a] = backdropOf(image, shape);
    expect(a).toBeLessThan(-0.02);
    expect(lightness).toBeLessThan(0.6);
    const [without] = await generator.generate(requestOf([setting]));
    expect(without).toEqual(
      (await generator.generate(requestOf([{ ...setting, kind: "RESTAGE" }])))[0],
    );
  });

  it("reports each image, and stops between two when the signal is raised", async () => {
    const controller = new AbortController();
    const steps: number[] = [];
    const running = generator.generate(requestOf(kinds), {
      signal: controller.signal,
      onProgress: ({ step }) => {
        steps.push(step);
        if (step === 2) {
          controller.abort();
        }
      },
    });
    await expect(running).rejects.toMatchObject({ code: "JOB_CANCELLED" });
    expect(steps).toEqual([1, 2]);
  });

  it.each<[string, Partial<GenerateRequest>]>([
    ["no image", { initImage: undefined }],
    [
      "an image above 2,048 pixels",
      { initImage: { widthPixels: 2_049, heightPixels: 1, pixels: new Uint8Array(6_147) } },
    ],
    [
      "a mask of another size",
      { mask: { widthPixels: 1, heightPixels: 1, alpha: new Uint8Array(1) } },
    ],
    ["a condition of another length", { conditions: [new Float32Array(3)] }],
    ["a condition that is not finite", { conditions: [encodeSetting(warm).fill(NaN)] }],
    ["too few conditions", { numImages: 3, conditions: kinds.slice(0, 2).map(encodeSetting) }],
    ["no images", { numImages: 0 }],
    ["a broken seed", { seed: 0.5 }],
  ])("refuses %s", async (_, wrong) => {
    await expect(generator.generate({ ...requestOf([warm]), ...wrong })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("says that the mask network is missing or damaged where it needs one", async () => {
    const request = { ...requestOf([warm]), mask: undefined };
    await expect(generator.generate(request)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    const damaged = StudioGenerator.create({ path: () => "package.json", versionOf: () => "test" });
    await expect(damaged.generate(request)).rejects.toMatchObject({ code: "FILE_MALFORMED" });
  });
});

describe("RenderPool of the studio pack", () => {
  it(
    "masks and draws as this process does",
    async () => {
      const pool = await RenderPool.create({ packDir: studioPackDir, onnxThreads: 1 });
      const mask = await pool.mask(photo, null);
      expect(mask.fault).toBeNull();
      const drawn = { ...requestOf([warm]), mask: undefined };
      expect(await pool.generate(drawn)).toEqual(await pool.generate({ ...drawn, mask }));
      expect(await pool.generate(requestOf([warm]))).toEqual(
        await create().generate(requestOf([warm])),
      );
      await pool.close();
    },
    patience(30_000),
  );

  it(
    "paints the shop's own backdrops, which are part of its version",
    async () => {
      const scenes = [photograph(64, 48, { backdrop: [60, 90, 60], layers: [], noise: 20 })];
      const scenic = await RenderPool.create({ packDir: studioPackDir, onnxThreads: 1, scenes });
      const setting: Setting = { ...warm, kind: "SCENE" };
      const pack = { path: () => "absent.onnx", versionOf: () => "test" };
      const expected = StudioGenerator.create(pack, { scenes });
      expect(scenic.version).toMatch(/\+scenes-[0-9a-f]{8}$/);
      expect(expected.version).not.toBe(create().version);
      const drawn = await scenic.generate(requestOf([setting]));
      expect(drawn).toEqual(await expected.generate(requestOf([setting])));
      expect(drawn).not.toEqual(await create().generate(requestOf([setting])));
      await scenic.close();
    },
    patience(30_000),
  );
});

describe("OKLab", () => {
  it("has white at lightness 1, and comes back to linear light", () => {
    expect(oklabOf([1, 1, 1])).toBeAllclose([1, 0, 0], { rtol: 0, atol: 1e-4 });
    // Ottosson's table: sRGB's red has L 0.62796, a 0.22486, b 0.12585.
    expect(oklabOf([1, 0, 0])).toBeAllclose([0.62796, 0.22486, 0.12585], { rtol: 0, atol: 1e-4 });
    expect(linearOf(oklabOf([0.2, 0.5, 0.3]))).toBeAllclose([0.2, 0.5, 0.3], {
      rtol: 0,
      atol: 1e-4,
    });
  });
});
