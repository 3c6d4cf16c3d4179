import type {
  NewImageRefusal,
  NewPersonalizedImage,
  NewRankChange,
} from "../../../../src/db/personalized-images.repository.js";
import { AppError } from "../../../../src/errors/app-error.js";
import type {
  GenerateOptions,
  GenerateRequest,
} from "../../../../src/ml/diffusion/image-generator.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import type {
  GenerationPlan,
  OriginalReason,
} from "../../../../src/recsys/images/generation-plan.js";
import { ImageGenerationService } from "../../../../src/recsys/images/image-generation.service.js";
import type { ImagePath } from "../../../../src/recsys/images/image-path.js";
import {
  type PersonalizationMethod,
  plainMethod,
} from "../../../../src/recsys/images/personalization-method.js";
import type { WhatIf } from "../../../../src/recsys/ranking/picture-ranker.js";

const unit = Float32Array.of(1, 0);
const pixel = (value: number): RgbImage => ({
  widthPixels: 1,
  heightPixels: 1,
  pixels: Uint8Array.of(value, value, value),
});

const plan: GenerationPlan = {
  userId: "u",
  itemId: "i",
  sourceBlobHash: "b".repeat(64),
  retrieval: {
    userId: "u",
    itemId: "i",
    sourceBlobHash: "b".repeat(64),
    historyItemIds: ["h"],
    retrieved: [{ itemId: "h", similarity: 1, weight: 1 }],
    preferenceEmbedding: unit,
    weightEntropy: 0,
    referenceCaptionEmbedding: unit,
    referenceImageEmbedding: unit,
    keywordExtractor: "words-1",
    referenceKeywords: [],
    preferenceKeywords: [],
    prompt: "cat, flat",
    referencePrompt: "cat",
  },
  variants: [],
  options: { seed: 7, strength: 0.5, guidanceScale: 1, numSteps: 8, numCandidates: 2 },
  rankingModelVersionId: "00000000-0000-4000-8000-000000000001",
  method: plainMethod,
  requestKey: "a".repeat(64),
  imageStamp: null,
};

const ranked: WhatIf = {
  rankingModelVersionId: plan.rankingModelVersionId,
  scoreBefore: 1,
  rankBefore: 10,
  numRanked: 100,
  scoreDeviation: 1,
  candidates: [
    { score: 2, rank: 4, deltaR: 6 / 11 },
    { score: 3, rank: 2, deltaR: 8 / 11 },
  ],
};

interface Given {
  planned?: GenerationPlan | OriginalReason;
  /** What an earlier job stored. */
  stored?: { id: string; isServed: boolean };
  passes?: boolean;
  moderation?: string;
  products?: ImagePath["products"];
  /** Pictures that an administrator rejected earlier, by their pixels. */
  rejected?: readonly number[];
  whatIf?: WhatIf | null;
  generate?: (request: GenerateRequest, options: GenerateOptions) => Promise<RgbImage[]>;
}

/** Storage in memory; models that do as they are told. */
function createService({
  planned = plan,
  stored,
  passes = true,
  moderation = "",
  whatIf = null,
  generate = async () => [pixel(1), pixel(2)],
  products = null,
  rejected = [],
}: Given = {}) {
  const refusals: NewImageRefusal[] = [];
  const saved: { image: NewPersonalizedImage; change: NewRankChange | null }[] = [];
  const files: string[] = [];
  const asked: { request: GenerateRequest; options: GenerateOptions }[] = [];
  const reports: [progress: number, stage: string, previewHash?: string][] = [];
  const stop = new AbortController();
  const row = (image: object) => ({ ...image, createdAt: new Date(0) }) as never;
  const service = new ImageGenerationService({
    planner: { plan: async () => planned },
    imageFiles: {
      load: async () => pixel(0),
      store: async ({ pixels }) => {
        const hash = `blob-${pixels[0]}`;
        files.push(hash);
        return { hash, mediaType: "image/png", sizeBytes: 1, widthPixels: 1, heightPixels: 1 };
      },
      remove: async hash => void files.splice(files.indexOf(hash), 1),
    },
    generator: {
      version: "g@1",
      generate: async (request, options = {}) => {
        asked.push({ request, options });
        return generate(request, options);
      },
    },
    clip: { encodeImages: async images => images.map(() => unit) },
    ranker: { whatIf: async () => whatIf },
    products,
    gate: () => ({ passes, faults: passes ? [] : ["BLANK"] }),
    moderation: { name: moderation, faultsOf: async images => images.map(() => []) },
    images: {
      findByRequestKey: async () => (stored ? row(stored) : null),
      save: async (image, _, change) => {
        if (rejected.some(value => image.blobHash === `blob-${value}`)) {
          return null;
        }
        saved.push({ image, change });
        return row({ ...image, id: "image" });
      },
      refuse: async refusal => {
        refusals.push(refusal);
      },
      addBlob: async () => undefined,
      dropBlob: async () => true,
    },
    promptVersion: "1",
  });
  const run = () =>
    service.generate(
      { userId: "u", itemId: "i", options: plan.options },
      { signal: stop.signal, priority: "batch", report: (...report) => void reports.push(report) },
    );
  return { run, asked, files, refusals, reports, saved, stop };
}

describe("ImageGenerationService", () => {
  it("asks the generator for the plan's candidates, from the catalogue image", async () => {
    const { asked, run, stop } = createService();
    await run();
    expect(asked).toHaveLength(1);
    const { numCandidates, ...knobs } = plan.options;
    expect(asked[0].request).toEqual({
      ...knobs,
      numImages: numCandidates,
      prompt: "cat, flat",
      imageEmbedding: unit,
      initImage: pixel(0),
    });
    expect(asked[0].options).toMatchObject({ priority: "batch", signal: stop.signal });
  });

  it("stores the candidate that ranks best, with its rank change and what it was made with", async () => {
    const method = { ...plainMethod, id: "ragar@p1", personalizerVersionId: "p1" };
    const { files, run, saved } = createService({ planned: { ...plan, method }, whatIf: ranked });
    expect(await run()).toEqual({ imageId: "image" });
    expect(files).toEqual(["blob-2"]);
    expect(saved).toMatchObject([
      {
        image: {
          requestKey: plan.requestKey,
          generator: "g@1",
          promptVersion: "1",
          personalizerVersionId: "p1",
          rankingModelVersionId: plan.rankingModelVersionId,
          isServed: true,
          seed: 7,
          provenance: { chosenCandidate: 1, rankBefore: 10 },
        },
        change: { rankBefore: 10, rankAfter: 2, scoreAfter: 3, deltaR: 8 / 11 },
      },
    ]);
  });

  it("conditions with the method of the plan, whatever is active by then", async () => {
    const calls: unknown[][] = [];
    const condition: PersonalizationMethod["condition"] = async (...call) => {
      calls.push(call);
      return [{ prompt: "as planned" }];
    };
    const { asked, run } = createService({
      planned: { ...plan, method: { id: "m@1", condition } },
    });
    await run();
    expect(calls).toEqual([[[plan.retrieval], 2, [7]]]);
    expect(asked[0].request.prompt).toBe("as planned");
  });

  it("keeps an image with which the item ranks lower, but does not serve it", async () => {
    const lower = ranked.candidates.map(own => ({ ...own, rank: 11, deltaR: -1 / 11 }));
    const { run, saved } = createService({ whatIf: { ...ranked, candidates: lower } });
    expect(await run()).toEqual({ originalReason: "RANKED_LOWER" });
    expect(saved).toMatchObject([{ image: { isServed: false }, change: { deltaR: -1 / 11 } }]);
  });

  it("stores the next best image where an administrator rejected the best", async () => {
    const { run, saved } = createService({ whatIf: ranked, rejected: [2] });
    expect(await run()).toEqual({ imageId: "image" });
    expect(saved).toHaveLength(1);
    const { blobHash, provenance } = saved[0].image;
    expect(blobHash).toBe("blob-1");
    expect(provenance).toMatchObject({
      chosenCandidate: 0,
      candidates: [{ faults: [] }, { faults: ["REJECTED"] }],
    });
  });

  it("keeps the catalogue image where an administrator rejected every image", async () => {
    const { run, saved, refusals } = createService({ whatIf: ranked, rejected: [1, 2] });
    expect(await run()).toEqual({ originalReason: "REJECTED", faults: ["REJECTED"] });
    expect(saved).toEqual([]);
    expect(refusals).toMatchObject([{ reason: "REJECTED", requestKey: plan.requestKey }]);
  });

  it("stores no rank change by a ranker that is no version of the shop's", async () => {
    const { run, saved } = createService({ whatIf: { ...ranked, rankingModelVersionId: null } });
    expect(await run()).toEqual({ imageId: "image" });
    expect(saved).toMatchObject([{ image: { provenance: { rankBefore: 10 } }, change: null }]);
  });

  it("leaves a refusal, with the model that was active, when no image may be shown", async () => {
    const { files, refusals, run, saved } = createService({ passes: false });
    expect(await run()).toEqual({ originalReason: "BELOW_QUALITY_FLOOR", faults: ["BLANK"] });
    expect(refusals).toEqual([
      {
        requestKey: plan.requestKey,
        userId: "u",
        itemId: "i",
        reason: "BELOW_QUALITY_FLOOR",
        rankingModelVersionId: plan.rankingModelVersionId,
      },
    ]);
    expect([saved, files]).toEqual([[], []]);
  });

  describe("under PRODUCT", () => {
    /** Two pixels: the left one is the product. */
    const twoPixels = (left: number, right: number): RgbImage => ({
      widthPixels: 2,
      heightPixels: 1,
      pixels: new Uint8Array([left, left, left, right, right, right]),
    });
    const mask = { widthPixels: 2, heightPixels: 1, alpha: new Uint8Array([255, 0]), fault: null };
    const productsOf = (maskFault: string | null) => ({
      open: async () => ({
        policy: "PRODUCT" as const,
        original: twoPixels(50, 200),
        mask: maskFault === null ? mask : null,
        fault: maskFault === null ? null : ("MASK_IMPLAUSIBLE" as const),
        maskFault,
      }),
    });

    it("stores the product's own pixels in the generated setting, and says how true it is", async () => {
      const { asked, files, run, saved } = createService({
        products: productsOf(null),
        generate: async () => [twoPixels(51, 90), twoPixels(51, 120)],
      });
      expect(await run()).toEqual({ imageId: "image" });
      expect(files).toEqual(["blob-50"]);
      expect(saved[0].image.provenance).toMatchObject({
        fidelityPolicy: "PRODUCT",
        sourceType: "compositeWithTrainedAlgorithmicMedia",
        candidates: [
          { faults: [], fidelity: { colorP95: 0, ssim: 1, size: 1 } },
          { faults: [], generatedFidelity: { size: 1 } },
        ],
      });
      expect(asked[0].options.previewInterval).toBe(0);
      expect(asked[0].request.mask?.alpha).toHaveLength(1); // at the size that the generator draws
    });

    it("draws nothing where the mask cannot be trusted, and says what is wrong with it", async () => {
      const { asked, refusals, run } = createService({ products: productsOf("FRAGMENTS") });
      expect(await run()).toEqual({ originalReason: "MASK_IMPLAUSIBLE", faults: ["FRAGMENTS"] });
      expect(asked).toEqual([]);
      expect(refusals).toMatchObject([{ reason: "MASK_IMPLAUSIBLE" }]);
    });
  });

  it.each([
    [{ planned: "NO_HISTORY" as const }, { originalReason: "NO_HISTORY" }],
    [{ stored: { id: "earlier", isServed: true } }, { imageId: "earlier" }],
    [{ stored: { id: "earlier", isServed: false } }, { originalReason: "RANKED_LOWER" }],
  ])("draws nothing for %j", async (given, expected) => {
    const { asked, run } = createService(given);
    expect(await run()).toEqual(expected);
    expect(asked).toEqual([]);
  });

  it("reports previews while it draws, and keeps only the last one's file", async () => {
    const { files, reports, run } = createService({
      generate: async (_, { onProgress }) => {
        for (const step of [1, 2, 3]) {
          onProgress?.({ step, numSteps: 4, preview: pixel(100 + step) });
        }
        return [pixel(1), pixel(2)];
      },
    });
    await run();
    const previews = reports.map(([, , hash]) => hash).filter(hash => hash !== undefined);
    expect(previews).toEqual(["blob-101", "blob-102", "blob-103"]);
    expect(files).toEqual(["blob-103", "blob-1"]);
    const progress = reports.map(([part]) => part);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  it.each([
    ["", 4],
    ["nsfwjs@4", 0],
  ])("asks for previews unless moderation must see images first: '%s'", async (name, expected) => {
    const { asked, run } = createService({ moderation: name });
    await run();
    expect(asked[0].options.previewInterval).toBe(expected);
  });

  it.each([
    [new Error("out of memory"), "GENERATION_FAILED"],
    [new AppError("JOB_CANCELLED"), "JOB_CANCELLED"],
  ])("gives the fault of a generator a code: %s", async (error, code) => {
    const { run, saved } = createService({ generate: () => Promise.reject(error) });
    await expect(run()).rejects.toMatchObject({ code });
    expect(saved).toEqual([]);
  });

  it("refuses another number of images than it asked for", async () => {
    const { run } = createService({ generate: async () => [pixel(1)] });
    await expect(run()).rejects.toMatchObject({ code: "GENERATION_FAILED" });
  });

  it("stores nothing once its signal is raised", async () => {
    const service = createService({
      generate: async () => {
        service.stop.abort(new Error("stopped"));
        return [pixel(1), pixel(2)];
      },
    });
    await expect(service.run()).rejects.toThrow("stopped");
    expect([service.saved, service.files]).toEqual([[], []]);
  });
});
