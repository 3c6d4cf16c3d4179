/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import { decodeRgb, encodePng, digitalSourceUrl } from "../../../../src/db/image-codec.js";
import type {
  GenerateOptions,
  GenerateRequest,
} from "../../../../src/ml/diffusion/image-generator.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { CachedImageGenerator } from "../../../../src/recsys/images/cached-image-generator.js";
import { describeImageGenerator } from "../../../contracts/image-generator.contract.js";
import { createTinyShop, imageOf, type TinyShop } from "../reflection/tiny-shop.js";

let tiny: TinyShop;
let imageGenerator: CachedImageGenerator;
let home: string;

const request: GenerateRequest = {
  initImage: imageOf("blob-1"),
  prompt: "a red cat",
  guidanceScale: 1.5,
  numSteps: 2,
  strength: 0.5,
  seed: 1,
  numImages: 2,
};
const codec = { encode: encodePng, decode: (bytes: Uint8Array) => decodeRgb(bytes) };
const maskOf = ({ heightPixels, widthPixels }: RgbImage, share: number) => ({
  widthPixels,
  heightPixels,
  alpha: new Uint8Array(widthPixels * heightPixels).fill(share),
});
const condition = (value: number) => new Float32Array(80 * 16).fill(value);

beforeAll(async () => {
  tiny = await createTinyShop();
});

afterAll(() => tiny.close());

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "tiny-cache-"));
  imageGenerator = tiny.createImageGenerator(home);
});

afterEach(() => rm(home, { recursive: true }));

const files = async () =>
  (await readdir(home, { recursive: true })).filter(f => f.endsWith(".png"));

describeImageGenerator(
  "CachedImageGenerator",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "tiny-cache-"));
    const generator = tiny.createImageGenerator(folder);
    return { generator, close: () => rm(folder, { recursive: true, force: true }) };
  },
  request,
);

describe("CachedImageGenerator", () => {
  it("draws a picture once, whoever asks for it later", async () => {
    const first = await imageGenerator.generate(request);
    expect(imageGenerator.counts).toEqual({ drawn: 2, found: 0 });
    expect(await imageGenerator.generate(request)).toEqual(first);
    expect(imageGenerator.counts).toEqual({ drawn: 2, found: 2 });
    const later = tiny.createImageGenerator(home);
    expect(await later.generate(request)).toEqual(first);
    expect(later.counts).toEqual({ drawn: 0, found: 2 });
  });

  it("draws again for other values of a mask", async () => {
    for (const share of [255, 0]) {
      const mask = maskOf(imageOf("blob-1"), share);
      await imageGenerator.generate({ ...request, mask });
    }
    expect(imageGenerator.counts).toEqual({ drawn: 4, found: 0 });
  });

  it.each<[what: string, change: Partial<GenerateRequest>]>([
    ["prompt", { prompt: "a blue cat" }],
    ["seed", { seed: 2 }],
    ["reference", { initImage: imageOf("blob-2") }],
    ["number of steps", { numSteps: 4 }],
    ["strength", { strength: 1 }],
    ["guidance", { guidanceScale: 1 }],
    ["preference", { imageEmbedding: new Float32Array([1, 0, 0, 0, 0, 0]) }],
    ["condition", { conditions: [condition(0.5)] }],
    ["noise", { sharesNoise: true }],
    ["mask", { mask: maskOf(imageOf("blob-1"), 255) }],
  ])("draws again for another %s", async (_, change) => {
    await imageGenerator.generate(request);
    await imageGenerator.generate({ ...request, ...change });
    expect(imageGenerator.counts).toEqual({ drawn: 4, found: 0 });
  });

  it("tells conditions apart by their numbers", async () => {
    const draw = (value: number) =>
      imageGenerator.generate({ ...request, conditions: [condition(value)] });
    await draw(0.5);
    await draw(0.5);
    await draw(0.25);
    expect(imageGenerator.counts).toEqual({ drawn: 4, found: 2 });
  });

  it("keeps nothing where that is asked", async () => {
    const kept = await imageGenerator.generate(request);
    const before = await files();
    expect(await imageGenerator.generate({ ...request, seed: 3 }, { cache: false })).not.toEqual(
      kept,
    );
    expect(await files()).toEqual(before);
  });

  it("draws all images of a request again when one is lost", async () => {
    const first = await imageGenerator.generate(request);
    const [one] = await files();
    await rm(join(home, one));
    expect(await imageGenerator.generate(request)).toEqual(first);
    expect(imageGenerator.counts).toEqual({ drawn: 4, found: 0 });
    expect(await files()).toHaveLength(2);
  });

  it("writes files that say that a model made them", async () => {
    await imageGenerator.generate(request);
    for (const file of await files()) {
      const { xmp } = await sharp(await readFile(join(home, file))).metadata();
      expect(xmp?.toString()).toContain(digitalSourceUrl("trainedAlgorithmicMedia"));
    }
  });

  it("asks the other generator as a batch, unless it is told otherwise", async () => {
    const asked: (string | undefined)[] = [];
    const generator = {
      version: "other@1",
      generate: async (_: GenerateRequest, options: GenerateOptions = {}) => {
        asked.push(options.priority);
        return [imageOf("a"), imageOf("b")];
      },
    };
    const cached = new CachedImageGenerator({
      generator,
      codec,
      store: new FolderArtefactStore(home),
    });
    await cached.generate(request);
    await cached.generate({ ...request, seed: 2 }, { priority: "live" });
    expect(asked).toEqual(["batch", "live"]);
    expect(cached.version).toBe("other@1");
  });

  it("draws again with another version of the other generator", async () => {
    let numDrawn = 0;
    for (const version of ["other@1", "other@1", "other@2"]) {
      const generate = async () => {
        numDrawn++;
        return [imageOf(version), imageOf("b")];
      };
      const cached = new CachedImageGenerator({
        generator: { version, generate },
        codec,
        store: new FolderArtefactStore(home),
      });
      expect((await cached.generate(request))[0]).toEqual(imageOf(version));
    }
    expect(numDrawn).toBe(2);
  });

  it("stops by its signal before it draws, and leaves no file", async () => {
    await expect(
      imageGenerator.generate(request, { signal: AbortSignal.abort() }),
    ).rejects.toThrow();
    expect(imageGenerator.counts.drawn).toBe(0);
    expect(await files()).toEqual([]);
  });
});
