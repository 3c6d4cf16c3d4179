/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type GenerateProgress,
  type GenerateRequest,
} from "../../../../src/ml/diffusion/image-generator.js";
import { InProcessGenerator } from "../../../../src/ml/diffusion/in-process-generator.js";
import { RenderPool } from "../../../../src/ml/diffusion/render-pool.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { describeImageGenerator } from "../../../contracts/image-generator.contract.js";

const TINY = "tests/golden/tiny-sd15";
const request: GenerateRequest = {
  prompt: "a red cat",
  guidanceScale: 3,
  seed: 1,
  numImages: 1,
  numSteps: 4,
};
const cancelled = { code: "JOB_CANCELLED" };

type PackGenerator = InProcessGenerator | RenderPool;

const generators: [name: string, create: () => Promise<PackGenerator>][] = [
  [
    "InProcessGenerator",
    async () => InProcessGenerator.create(await openModelPack(TINY), { numThreads: 1 }),
  ],
  ["RenderPool", () => RenderPool.create({ packDir: TINY, onnxThreads: 1 })],
];

for (const [name, create] of generators) {
  describeImageGenerator(
    name,
    async () => {
      const generator = await create();
      return { generator, close: () => generator.close() };
    },
    request,
  );
}

describe.each(generators)("%s", (_, create) => {
  let generator: PackGenerator;

  beforeAll(async () => {
    generator = await create();
    await generator.warmUp();
  });

  afterAll(() => generator.close());

  it("has its pack's version, and makes images of its size", async () => {
    expect(generator.version).toBe((await openModelPack(TINY)).id);
    expect(generator.version).toMatch(/^tiny-sd15@/);
    const [image] = await generator.generate(request);
    expect(image).toMatchObject({ widthPixels: 16, heightPixels: 16 });
  });

  it("counts evaluations", async () => {
    const before = generator.evaluations;
    await generator.generate(request);
    expect(generator.evaluations - before).toBe(2 * 4);
  });

  it("reports every step before it is done, with previews where they are due", async () => {
    const seen: GenerateProgress[] = [];
    await generator.generate(request, {
      previewInterval: 2,
      onProgress: progress => seen.push(progress),
    });
    expect(
      seen.map(({ step, numSteps, preview }) => [step, numSteps, preview?.widthPixels]),
    ).toEqual([
      [1, 4, undefined],
      [2, 4, 16],
      [3, 4, undefined],
      [4, 4, undefined],
    ]);
  });

  it("stops a running request between steps, and renders the next", async () => {
    const controller = new AbortController();
    let numSteps = 0;
    const stopped = generator.generate(
      { ...request, numSteps: 1000 },
      {
        signal: controller.signal,
        onProgress: () => {
          numSteps++;
          controller.abort();
        },
      },
    );
    await expect(stopped).rejects.toMatchObject(cancelled);
    expect(numSteps).toBeLessThan(900);
    expect(await generator.generate(request)).toHaveLength(1);
  });

  it("keeps requests in a queue that can be seen", async () => {
    const requests = [request, request, request].map(r => generator.generate(r));
    await Promise.resolve();
    expect(generator.queueSize).toBeGreaterThanOrEqual(2);
    await Promise.all(requests);
    expect(generator.queueSize).toBe(0);
  });

  it("lets a waiting request leave", async () => {
    const controller = new AbortController();
    const first = generator.generate(request);
    const second = generator.generate(request, { signal: controller.signal });
    const third = generator.generate(request);
    controller.abort();
    await expect(second).rejects.toMatchObject(cancelled);
    expect(await first).toEqual(await third);
  });

  it("refuses a request that is cancelled already", async () => {
    const made = generator.generate(request, { signal: AbortSignal.abort() });
    await expect(made).rejects.toMatchObject(cancelled);
  });

  it("passes on what is wrong with a request", async () => {
    const made = generator.generate({ ...request, numImages: 0 });
    await expect(made).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { argument: "numImages" },
    });
  });

  it("rejects with a progress hook's error", async () => {
    const onProgress = () => {
      throw new RangeError("full");
    };
    await expect(generator.generate(request, { onProgress })).rejects.toThrow("full");
  });
});

describe("RenderPool", () => {
  it("generates the images of the in-process renderer", async () => {
    const pool = await RenderPool.create({ packDir: TINY, onnxThreads: 1 });
    const inProcess = await InProcessGenerator.create(await openModelPack(TINY), { numThreads: 1 });
    expect(await pool.generate(request)).toEqual(await inProcess.generate(request));
    await pool.close();
    await inProcess.close();
  });

  it("does not block the event loop", async () => {
    const pool = await RenderPool.create({ packDir: TINY, onnxThreads: 1 });
    await pool.warmUp();
    let numTicks = 0;
    const ticking = setInterval(() => numTicks++, 1);
    await pool.generate({ ...request, numSteps: 300 });
    clearInterval(ticking);
    expect(numTicks).toBeGreaterThan(20); // in this process every step would block, and nothing would tick
    await pool.close();
  });

  it("renders on two threads at once", async () => {
    const pool = await RenderPool.create({ packDir: TINY, numThreads: 2, onnxThreads: 1 });
    const requests = [request, request, request].map(r => pool.generate(r));
    await Promise.resolve();
    expect(pool.queueSize).toBe(1);
    const [a, b, c] = await Promise.all(requests);
    expect(a).toEqual(b);
    expect(b).toEqual(c);
    await pool.close();
  });

  it("cancels running and waiting requests when it closes, and refuses new ones", async () => {
    const pool = await RenderPool.create({ packDir: TINY, onnxThreads: 1 });
    const running = pool.generate({ ...request, numSteps: 1000 });
    const waiting = pool.generate(request);
    const outcomes = Promise.allSettled([running, waiting]);
    await pool.close();
    expect(await outcomes).toMatchObject([
      { status: "rejected", reason: cancelled },
      { status: "rejected", reason: cancelled },
    ]);
    await expect(pool.generate(request)).rejects.toMatchObject(cancelled);
  });

  it("reports a pack damaged after it was opened", async () => {
    const dir = await mkdtemp(join(tmpdir(), "vitrine-pack-"));
    await cp(TINY, dir, { recursive: true });
    const pool = await RenderPool.create({ packDir: dir, onnxThreads: 1 });
    await rm(join(dir, "text_encoder", "model.onnx"));
    await expect(pool.generate(request)).rejects.toMatchObject({ code: "MODEL_FILE_MISSING" });
    await cp(TINY, dir, { recursive: true });
    expect(await pool.generate(request)).toHaveLength(1); // the next request loads again
    await pool.close();
    await rm(dir, { recursive: true });
  });

  it("refuses a folder that is not a pack", async () => {
    await expect(RenderPool.create({ packDir: "tests" })).rejects.toMatchObject({
      code: "MODEL_FILE_MISSING",
    });
  });
});
