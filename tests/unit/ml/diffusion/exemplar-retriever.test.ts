/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Autoencoder } from "../../../../src/ml/diffusion/autoencoder.js";
import { ExemplarRetriever } from "../../../../src/ml/diffusion/exemplar-retriever.js";
import { type GenerateRequest } from "../../../../src/ml/diffusion/image-generator.js";
import { loadPipelineConfig } from "../../../../src/ml/diffusion/pipeline-config.js";
import { DiffusionPipeline } from "../../../../src/ml/diffusion/pipeline.js";
import { StyleClassifier } from "../../../../src/ml/diffusion/style-classifier.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { describeWithMiniPack, miniPackDir } from "../runtime/mini-pack.js";
import { drawingOnly, withChangedPack } from "./changed-pack.js";

const options = { numThreads: 1 };

/** Change of a log-probability by encoding an image again. */
const TOUCH = 0.5;

async function drawn(folder: string, requests: readonly GenerateRequest[]): Promise<RgbImage[][]> {
  const pipeline = await DiffusionPipeline.load(await openModelPack(folder), options);
  const images: RgbImage[][] = [];
  for (const request of requests) {
    images.push(await pipeline.generate(request));
  }
  await pipeline.dispose();
  return images;
}

/** Runs of other batch sizes round differently. */
function isSame(a: RgbImage, b: RgbImage): boolean {
  return a.pixels.every((value, i) => Math.abs(value - b.pixels[i]) <= 2);
}

/** The classifier's score of an image, whose latents must be encoded again, which adds the autoencoder's artefacts. */
class StyleScorer {
  private constructor(
    private readonly autoencoder: Autoencoder,
    private readonly classifier: StyleClassifier,
  ) {}

  static async load(numStyles: number): Promise<StyleScorer> {
    const pack = await openModelPack(miniPackDir);
    const config = await loadPipelineConfig(pack);
    return new StyleScorer(
      await Autoencoder.load(pack, config, options),
      await StyleClassifier.load(pack, config, numStyles, options),
    );
  }

  async likely(image: RgbImage, style: number): Promise<number> {
    const latents = this.autoencoder.unscaled(await this.autoencoder.encode(image));
    const [likely] = await this.classifier.logProbabilities(latents, style);
    return likely;
  }

  async dispose(): Promise<void> {
    await Promise.all([this.autoencoder.dispose(), this.classifier.dispose()]);
  }
}

describeWithMiniPack("generating from several exemplars of an object", () => {
  let styles: string[];

  beforeAll(async () => {
    const words = JSON.parse(await readFile(join(miniPackDir, "styles.json"), "utf8")) as object;
    styles = Object.values(words) as string[];
  });

  it("selects the sample with the best style score", async () => {
    const asked = styles.map((words, style) => ({ style, prompt: `bicycle, ${words}` }));
    const requests = asked.map(({ prompt }) => ({ prompt, seed: 3, numImages: 1, numSamples: 1 }));
    const kept = await drawn(miniPackDir, requests);
    const each = await Promise.all(
      [0, 1].map(rank => withChangedPack(drawingOnly(rank), folder => drawn(folder, requests))),
    );
    const scorer = await StyleScorer.load(styles.length);
    const choices: number[] = [];
    const margins: number[] = [];
    for (const [n, { style }] of asked.entries()) {
      const choice = [0, 1].find(rank => isSame(kept[n][0], each[rank][n][0]))!;
      expect(choice).toBeDefined();
      expect(isSame(kept[n][0], each[1 - choice][n][0])).toBe(false);
      const likely = await Promise.all(each.map(images => scorer.likely(images[n][0], style)));
      margins.push(likely[choice] - likely[1 - choice]);
      choices.push(choice);
    }
    await scorer.dispose();
    expect(Math.min(...margins)).toBeGreaterThan(-TOUCH);
    expect(Math.max(...margins)).toBeGreaterThan(TOUCH); // otherwise the test would prove nothing
    expect(new Set(choices).size).toBe(2);
  });

  it("selects among samples with different noise too", async () => {
    const pipeline = await DiffusionPipeline.load(await openModelPack(miniPackDir), options);
    const scorer = await StyleScorer.load(styles.length);
    const likely: number[][] = [];
    for (const numSamples of [1, 4]) {
      const own: number[] = [];
      for (const style of [1, 3, 5]) {
        const prompt = `bicycle, ${styles[style]}`;
        const request = { prompt, seed: 3, numImages: 1, numSamples };
        const before = pipeline.evaluations;
        const [image] = await pipeline.generate({ ...request, numSteps: 2 });
        expect(pipeline.evaluations - before).toBe(2 * numSamples * 2);
        own.push(await scorer.likely(image, style));
      }
      likely.push(own);
    }
    await Promise.all([pipeline.dispose(), scorer.dispose()]);
    const gains = likely[1].map((value, n) => value - likely[0][n]);
    expect(Math.min(...gains)).toBeGreaterThan(-TOUCH);
    expect(Math.max(...gains)).toBeGreaterThan(TOUCH);
  });

  it("uses the first exemplar without a style or a classifier", async () => {
    const plain = { prompt: "bicycle", seed: 3, numImages: 1 };
    const styled = { ...plain, prompt: `bicycle, ${styles[4]}` };
    const [[named]] = await drawn(miniPackDir, [plain]);
    const blind = await withChangedPack(
      memory => memory,
      async folder => {
        await rm(join(folder, "style_classifier"), { recursive: true });
        return drawn(folder, [plain, styled]);
      },
    );
    const first = await withChangedPack(drawingOnly(0), folder => drawn(folder, [plain, styled]));
    expect(isSame(named, first[0][0])).toBe(true);
    expect(blind.map(([image], n) => isSame(image, first[n][0]))).toEqual([true, true]);
  });

  it("selects for each of several images, and reports progress", async () => {
    const pipeline = await DiffusionPipeline.load(await openModelPack(miniPackDir), {
      ...options,
      maxBatchSize: 4,
    });
    const steps: string[] = [];
    const request = { prompt: `bicycle, ${styles[0]}`, seed: 3, numSteps: 2, numSamples: 1 };
    const images = await pipeline.generate(
      { ...request, numImages: 3 },
      { onStep: ({ numSteps, step }) => void steps.push(`${step}/${numSteps}`) },
    );
    const [alone] = await pipeline.generate({ ...request, numImages: 1 });
    const [again] = await pipeline.generate({ ...request, numImages: 1 });
    await pipeline.dispose();
    expect(again).toEqual(alone);
    expect(images).toHaveLength(3);
    expect(isSame(images[0], alone)).toBe(true);
    expect(steps).toEqual(["1/4", "2/4", "3/4", "4/4"]); // six samples, four at a time
  });

  it("fits a prompt's exemplars once", async () => {
    const pack = await openModelPack(miniPackDir);
    const config = await loadPipelineConfig(pack);
    const autoencoder = await Autoencoder.load(pack, config, options);
    const exemplars = await ExemplarRetriever.load(pack, config, autoencoder, options);
    const first = await exemplars.retrieve(`bicycle, ${styles[0]}`);
    const spentMs = autoencoder.elapsedMs;
    const again = await exemplars.retrieve(`bicycle, ${styles[0]}`);
    expect(again).toEqual(first);
    expect(autoencoder.elapsedMs).toBe(spentMs);
    const other = await exemplars.retrieve(`bicycle, ${styles[3]}`);
    expect(other.references).not.toEqual(first.references);
    expect(autoencoder.elapsedMs).toBeGreaterThan(spentMs);
    await Promise.all([exemplars.dispose(), autoencoder.dispose()]);
  });

  it("refuses a classifier of other styles, and loads again afterwards", async () => {
    await withChangedPack(
      ({ embeddings, extents, ...others }) => {
        const [numObjects, numPrompts, dimension] = embeddings.shape;
        const kept = numPrompts - 1;
        const values = Float32Array.from({ length: numObjects * kept * dimension }, (_, i) => {
          const [object, rest] = [Math.floor(i / (kept * dimension)), i % (kept * dimension)];
          return embeddings.values[object * numPrompts * dimension + rest];
        });
        return {
          ...others,
          embeddings: { shape: [numObjects, kept, dimension], values },
          extents: { shape: [kept], values: extents.values.slice(0, kept) },
        };
      },
      async folder => {
        const request = { prompt: "bicycle", seed: 3, numImages: 1 };
        const pipeline = await DiffusionPipeline.load(await openModelPack(folder), options);
        for (let time = 0; time < 2; time++) {
          await expect(pipeline.generate(request)).rejects.toThrow(
            expect.objectContaining({ code: "FILE_MALFORMED" }) as Error,
          );
        }
        const classifier = join(folder, "style_classifier", "model.onnx");
        await copyFile(join(folder, "vae_encoder", "model.onnx"), classifier); // it takes pixels
        await expect(pipeline.generate(request)).rejects.toThrow("latent_sample");
        await writeFile(classifier, "no model");
        await expect(pipeline.generate(request)).rejects.toThrow(
          expect.objectContaining({ code: "FILE_MALFORMED" }) as Error,
        );
        await pipeline.dispose();
      },
    );
  });
});
