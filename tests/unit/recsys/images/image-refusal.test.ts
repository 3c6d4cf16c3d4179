import type { NewImageRefusal } from "../../../../src/db/personalized-images.repository.js";
import type { GenerationPlan } from "../../../../src/recsys/images/generation-plan.js";
import { ImageGenerationService } from "../../../../src/recsys/images/image-generation.service.js";

const unit = Float32Array.of(1, 0);
const grey = { widthPixels: 1, heightPixels: 1, pixels: Uint8Array.of(128, 128, 128) };

const plan: GenerationPlan = {
  userId: "u",
  itemId: "i",
  sourceBlobHash: "b".repeat(64),
  retrieval: {
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
    prompt: "",
  },
  options: { seed: 1, strength: 0.5, guidanceScale: 1, numSteps: 2, numCandidates: 2 },
  rankingModelVersionId: "00000000-0000-4000-8000-000000000001",
  personalizerVersionId: null,
  requestKey: "a".repeat(64),
};

/** In-memory storage, and a gate with a fixed verdict. */
function createService(passes: boolean) {
  const refusals: NewImageRefusal[] = [];
  const saved: object[] = [];
  const blob = {
    hash: "c".repeat(64),
    mediaType: "image/png",
    sizeBytes: 1,
    widthPixels: 1,
    heightPixels: 1,
  };
  const service = new ImageGenerationService({
    planner: { plan: async () => plan },
    imageFiles: {
      load: async () => grey,
      store: async () => blob,
      remove: async () => undefined,
    },
    renderer: { render: async ({ numImages }) => Array.from({ length: numImages }, () => grey) },
    clip: { encodeImages: async images => images.map(() => unit) },
    ranking: { whatIf: async () => null },
    gate: () => ({ passes, faults: passes ? [] : ["BLANK"] }),
    moderation: { faultsOf: async images => images.map(() => []) },
    conditioner: { condition: async () => ({ prompt: "", conditions: [] }) },
    images: {
      findByRequestKey: async () => null,
      save: async image => {
        saved.push(image);
        return { ...image, id: "image", createdAt: new Date(0), provenance: {} };
      },
      refuse: async refusal => {
        refusals.push(refusal);
      },
      addBlob: async () => undefined,
      dropBlob: async () => true,
    },
    generator: "g@1",
    promptVersion: "1",
  });
  const generate = () =>
    service.generate(
      { userId: "u", itemId: "i", options: plan.options },
      { signal: new AbortController().signal, report: () => undefined },
    );
  return { generate, refusals, saved };
}

describe("a request that is decided", () => {
  it("records a refusal with the active model when no image may be shown", async () => {
    const { generate, refusals, saved } = createService(false);
    expect(await generate()).toEqual({ originalReason: "BELOW_QUALITY_FLOOR" });
    expect(refusals).toEqual([
      {
        requestKey: plan.requestKey,
        userId: "u",
        itemId: "i",
        reason: "BELOW_QUALITY_FLOOR",
        rankingModelVersionId: plan.rankingModelVersionId,
      },
    ]);
    expect(saved).toEqual([]);
  });

  it("records an image with the active model when one may", async () => {
    const { generate, refusals, saved } = createService(true);
    expect(await generate()).toEqual({ imageId: "image" });
    expect(refusals).toEqual([]);
    expect(saved).toMatchObject([{ rankingModelVersionId: plan.rankingModelVersionId }]);
  });
});
