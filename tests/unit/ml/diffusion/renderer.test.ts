/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GenerateRequest } from "../../../../src/ml/diffusion/generate-request.js";
import { InProcessRenderer } from "../../../../src/ml/diffusion/in-process-renderer.js";
import { RenderPool } from "../../../../src/ml/diffusion/render-pool.js";
import { type Renderer, type RenderProgress } from "../../../../src/ml/diffusion/renderer.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";

const TINY = "tests/golden/tiny-sd15";
const request: GenerateRequest = {
  prompt: "a red cat",
  guidanceScale: 3,
  seed: 1,
  numImages: 1,
  numSteps: 4,
};
const cancelled = { code: "JOB_CANCELLED" };

const renderers: [name: string, create: () => Promise<Renderer>][] = [
  [
    "InProcessRenderer",
    async () => InProcessRenderer.create(await openModelPack(TINY), { numThreads: 1 }),
  ],
  ["RenderPool", () => RenderPool.create({ packDir: TINY, onnxThreads: 1 })],
];

describe.each(renderers)("%s", (_, create) => {
  let renderer: Renderer;

  beforeAll(async () => {
    renderer = await create();
    await renderer.warmUp();
  });

  afterAll(() => renderer.close());

  it("reports its pack and image size", async () => {
    expect(renderer).toMatchObject({ packName: "tiny-sd15", widthPixels: 16, heightPixels: 16 });
    expect(renderer.packVersion).toBe((await openModelPack(TINY)).versionOf());
  });

  it("generates the requested images deterministically", async () => {
    const images = await renderer.render({ ...request, numImages: 2 });
    expect(images.map(image => image.pixels.length)).toEqual([768, 768]);
    expect(await renderer.render({ ...request, numImages: 2 })).toEqual(images);
  });

  it("counts evaluations", async () => {
    const before = renderer.evaluations;
    await renderer.render(request);
    expect(renderer.evaluations - before).toBe(2 * 4);
  });

  it("reports every step, with previews where due", async () => {
    const seen: RenderProgress[] = [];
    await renderer.render(request, {
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
    const stopped = renderer.render(
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
    expect(await renderer.render(request)).toHaveLength(1);
  });

  it("reports its queue", async () => {
    const requests = [request, request, request].map(r => renderer.render(r));
    await Promise.resolve();
    expect(renderer.queueSize).toBeGreaterThanOrEqual(2);
    await Promise.all(requests);
    expect(renderer.queueSize).toBe(0);
  });

  it("lets a waiting request leave", async () => {
    const controller = new AbortController();
    const first = renderer.render(request);
    const second = renderer.render(request, { signal: controller.signal });
    const third = renderer.render(request);
    controller.abort();
    await expect(second).rejects.toMatchObject(cancelled);
    expect(await first).toEqual(await third);
  });

  it("refuses a request that is already cancelled", async () => {
    const made = renderer.render(request, { signal: AbortSignal.abort() });
    await expect(made).rejects.toMatchObject(cancelled);
  });

  it("reports an invalid request", async () => {
    const made = renderer.render({ ...request, numImages: 0 });
    await expect(made).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { argument: "numImages" },
    });
  });

  it("rejects with a progress hook's error", async () => {
    const onProgress = () => {
      throw new RangeError("full");
    };
    await expect(renderer.render(request, { onProgress })).rejects.toThrow("full");
  });
});

describe("RenderPool", () => {
  it("generates the images of the in-process renderer", async () => {
    const pool = await RenderPool.create({ packDir: TINY, onnxThreads: 1 });
    const inProcess = await InProcessRenderer.create(await openModelPack(TINY), { numThreads: 1 });
    expect(await pool.render(request)).toEqual(await inProcess.render(request));
    await pool.close();
    await inProcess.close();
  });

  it("does not block the event loop", async () => {
    const pool = await RenderPool.create({ packDir: TINY, onnxThreads: 1 });
    await pool.warmUp();
    let numTicks = 0;
    const ticking = setInterval(() => numTicks++, 1);
    await pool.render({ ...request, numSteps: 300 });
    clearInterval(ticking);
    expect(numTicks).toBeGreaterThan(20); // in this process every step would block, and nothing would tick
    await pool.close();
  });

  it("renders on two threads at once", async () => {
    const pool = await RenderPool.create({ packDir: TINY, numThreads: 2, onnxThreads: 1 });
    const requests = [request, request, request].map(r => pool.render(r));
    await Promise.resolve();
    expect(pool.queueSize).toBe(1);
    const [a, b, c] = await Promise.all(requests);
    expect(a).toEqual(b);
    expect(b).toEqual(c);
    await pool.close();
  });

  it("cancels running and waiting requests when it closes, and refuses new ones", async () => {
    const pool = await RenderPool.create({ packDir: TINY, onnxThreads: 1 });
    const running = pool.render({ ...request, numSteps: 1000 });
    const waiting = pool.render(request);
    const outcomes = Promise.allSettled([running, waiting]);
    await pool.close();
    expect(await outcomes).toMatchObject([
      { status: "rejected", reason: cancelled },
      { status: "rejected", reason: cancelled },
    ]);
    await expect(pool.render(request)).rejects.toMatchObject(cancelled);
  });

  it("reports a pack damaged after it was opened", async () => {
    const dir = await mkdtemp(join(tmpdir(), "vitrine-pack-"));
    await cp(TINY, dir, { recursive: true });
    const pool = await RenderPool.create({ packDir: dir, onnxThreads: 1 });
    await rm(join(dir, "text_encoder", "model.onnx"));
    await expect(pool.render(request)).rejects.toMatchObject({ code: "MODEL_FILE_MISSING" });
    await cp(TINY, dir, { recursive: true });
    expect(await pool.render(request)).toHaveLength(1); // the next request loads again
    await pool.close();
    await rm(dir, { recursive: true });
  });

  it("refuses a folder that is not a pack", async () => {
    await expect(RenderPool.create({ packDir: "tests" })).rejects.toMatchObject({
      code: "MODEL_FILE_MISSING",
    });
  });
});
