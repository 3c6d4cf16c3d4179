/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { TRAINED_ALGORITHMIC_MEDIA } from "../../../../src/db/image-codec.js";
import type {
  CachedImageGenerator,
  CachedImageRequest,
} from "../../../../src/recsys/images/cached-image-generator.js";
import { createTinyShop, type TinyShop } from "../reflection/tiny-shop.js";

let tiny: TinyShop;
let imageGenerator: CachedImageGenerator;
let home: string;

const request: CachedImageRequest = {
  blobHash: "blob-1",
  prompt: "a red cat",
  guidanceScale: 1.5,
  numSteps: 2,
  strength: 0.5,
  seed: 1,
  numImages: 2,
};
const condition = (value: number) => new Float32Array(80 * 16).fill(value);

beforeAll(async () => {
  tiny = await createTinyShop();
});

afterAll(() => tiny.close());

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "tiny-generator-"));
  imageGenerator = tiny.createImageGenerator(home);
});

afterEach(() => rm(home, { recursive: true }));

const files = async () =>
  (await readdir(home, { recursive: true })).filter(f => f.endsWith(".png"));

describe("CachedImageGenerator", () => {
  it("generates an image once for all later requests", async () => {
    const first = await imageGenerator.draw(request);
    expect(imageGenerator.counts).toEqual({ drawn: 2, found: 0 });
    expect(await imageGenerator.draw(request)).toEqual(first);
    expect(imageGenerator.counts).toEqual({ drawn: 2, found: 2 });
    const later = tiny.createImageGenerator(home);
    expect(await later.draw(request)).toEqual(first);
    expect(later.counts).toEqual({ drawn: 0, found: 2 });
  });

  it.each<[what: string, change: Partial<CachedImageRequest>]>([
    ["prompt", { prompt: "a blue cat" }],
    ["seed", { seed: 2 }],
    ["reference", { blobHash: "blob-2" }],
    ["number of steps", { numSteps: 4 }],
    ["strength", { strength: 1 }],
    ["guidance", { guidanceScale: 1 }],
    ["preference", { imageEmbedding: new Float32Array([1, 0, 0, 0, 0, 0]) }],
    ["condition", { conditions: [condition(0.5)] }],
    ["noise", { sharesNoise: true }],
  ])("draws again for another %s", async (_, change) => {
    await imageGenerator.draw(request);
    await imageGenerator.draw({ ...request, ...change });
    expect(imageGenerator.counts).toEqual({ drawn: 4, found: 0 });
  });

  it("tells conditions apart by their numbers", async () => {
    const draw = (value: number) =>
      imageGenerator.draw({ ...request, conditions: [condition(value)] });
    await draw(0.5);
    await draw(0.5);
    await draw(0.25);
    expect(imageGenerator.counts).toEqual({ drawn: 4, found: 2 });
  });

  it("keeps nothing where that is asked", async () => {
    const kept = await imageGenerator.draw(request);
    const before = await files();
    expect(await imageGenerator.draw({ ...request, seed: 3 }, { keep: false })).not.toEqual(kept);
    expect(await files()).toEqual(before);
  });

  it("generates a request again completely when a file is lost", async () => {
    const first = await imageGenerator.draw(request);
    const [one] = await files();
    await rm(join(home, one));
    expect(await imageGenerator.draw(request)).toEqual(first);
    expect(imageGenerator.counts).toEqual({ drawn: 4, found: 0 });
    expect(await files()).toHaveLength(2);
  });

  it("writes files that say that a model made them", async () => {
    await imageGenerator.draw(request);
    for (const file of await files()) {
      const { xmp } = await sharp(await readFile(join(home, file))).metadata();
      expect(xmp?.toString()).toContain(TRAINED_ALGORITHMIC_MEDIA);
    }
  });

  it("gives the embedding of what it shows", async () => {
    const drawn = await imageGenerator.draw(request);
    const embeddings = await tiny.clip.encodeImages(drawn.map(({ image }) => image));
    expect(drawn.map(({ embedding }) => embedding)).toEqual(embeddings);
  });

  it("stops by its signal before it draws, and leaves no file", async () => {
    await expect(imageGenerator.draw(request, { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(imageGenerator.counts.drawn).toBe(0);
    expect(await files()).toEqual([]);
  });
});
