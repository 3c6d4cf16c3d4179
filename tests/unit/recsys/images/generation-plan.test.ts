import { generationDefaults } from "../../../../src/recsys/images/generation-options.js";
import {
  GenerationPlanner,
  type PlanDependencies,
} from "../../../../src/recsys/images/generation-plan.js";
import { plainMethod } from "../../../../src/recsys/images/personalization-method.js";
import type { RetrievalResult } from "../../../../src/recsys/retrieval/retrieval-result.js";

const defaults = generationDefaults({
  defaults: { strength: 0.5, numSteps: 12, guidanceScale: 3 },
});

const unit = new Float32Array([1, 0]);
const retrieval: RetrievalResult = {
  sourceBlobHash: "ab",
  historyItemIds: ["i1", "i2"],
  retrieved: [{ itemId: "i2", similarity: 0.5, weight: 1 }],
  preferenceEmbedding: unit,
  weightEntropy: 0,
  referenceCaptionEmbedding: unit,
  referenceImageEmbedding: unit,
  keywordExtractor: "words-2",
  referenceKeywords: ["cat"],
  preferenceKeywords: ["flat"],
  prompt: "cat, flat",
  referencePrompt: "cat",
};

/** A plan of one user and one item; `changes` say what differs from it. */
function planner(changes: {
  retrieval?: Partial<RetrievalResult>;
  activeVersionId?: string;
  methodId?: string;
  deps?: Partial<PlanDependencies>;
}) {
  return new GenerationPlanner({
    retrieval: {
      retrieveStamped: async (_, itemIds) =>
        itemIds.map(() => ({
          retrieval: { ...retrieval, ...changes.retrieval },
          images: new Map(),
        })),
    },
    rankers: { activeVersionId: async () => changes.activeVersionId ?? null },
    methods: { active: async () => ({ ...plainMethod, id: changes.methodId ?? plainMethod.id }) },
    generator: { version: "mini@1" },
    promptVersion: "1",
    moderation: "",
    ...changes.deps,
  });
}

async function keyOf(
  changes: Parameters<typeof planner>[0] = {},
  options = defaults,
): Promise<string> {
  const outcome = await planner(changes).plan("u1", "i9", options);
  return typeof outcome === "string" ? outcome : outcome.requestKey;
}

describe("GenerationPlanner", () => {
  it("gives another key when a language model's keywords change beyond the prompt's room", async () => {
    const written = { keywordExtractor: "test/llm@1" };
    const changed = { ...written, preferenceKeywords: ["flat", "soft"] };
    expect(await keyOf({ retrieval: changed })).not.toBe(await keyOf({ retrieval: written }));
  });

  it("gives the same request the same key", async () => {
    expect(await keyOf()).toBe(await keyOf());
    expect(await keyOf()).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ["the history", { retrieval: { historyItemIds: ["i1", "i2", "i3"] } }],
    ["the catalogue picture", { retrieval: { sourceBlobHash: "cd" } }],
    ["the method", { methodId: "ragar@p2" }],
    ["the ranking model", { activeVersionId: "v2" }],
    ["the generator", { deps: { generator: { version: "mini@2" } } }],
    ["the prompt template", { deps: { promptVersion: "2" } }],
    ["moderation", { deps: { moderation: "strict" } }],
  ])("gives another key when %s changes", async (_, changes) => {
    expect(await keyOf(changes)).not.toBe(await keyOf());
  });

  it("ignores the order of options, which a stored job changes", async () => {
    const reversed = Object.fromEntries(Object.entries(defaults).reverse());
    expect(await keyOf({}, reversed as typeof defaults)).toBe(await keyOf());
  });

  it("gives another key for another seed", async () => {
    const other = await keyOf({}, { ...defaults, seed: 2 });
    expect(other).not.toBe(await keyOf());
  });

  it("gives another key for another fidelity than the catalogue image's own", async () => {
    const keys = [
      await keyOf(),
      await keyOf({}, { ...defaults, fidelity: "PRODUCT" }),
      await keyOf({}, { ...defaults, fidelity: "FREE" }),
    ];
    expect(new Set(keys).size).toBe(3);
  });

  it("gives variants alone a key of their own, and generated images that of an item without variants", async () => {
    const first = await keyOf();
    expect(await keyOf({}, { ...defaults, variants: "ONLY" })).not.toBe(first);
    expect(await keyOf({}, { ...defaults, variants: "OFF" })).toBe(first);
    const image = { variantId: "blue", blobHash: "ef", embedding: unit };
    const offered = {
      retrieval: { variantStamp: "1" },
      deps: { variants: { of: async () => new Map([["i9", [image]]]) } },
    };
    expect(await keyOf(offered)).not.toBe(first);
    expect(await keyOf(offered, { ...defaults, variants: "OFF" })).toBe(first);
  });

  it("keeps the key of images that were made before methods had ids", async () => {
    expect(await keyOf()).toBe("9dc367d85e4efd3cbf700c124b627f08cfca8a7b224a2994acc91d13c4e666ae");
  });

  it("carries the method that was active, and keeps it when another becomes active", async () => {
    let active = { ...plainMethod, id: "first@1" };
    const planning = planner({ deps: { methods: { active: async () => active } } });
    const plan = await planning.plan("u1", "i9", defaults);
    active = { ...plainMethod, id: "second@1" };
    expect(plan).toMatchObject({ method: { id: "first@1" } });
    expect(await planning.plan("u1", "i9", defaults)).toMatchObject({ method: active });
  });

  it.each([
    ["NO_IMAGE", { retrieval: { sourceBlobHash: null } }],
    ["NO_HISTORY", { retrieval: { historyItemIds: [], preferenceEmbedding: null } }],
    ["ITEM_NOT_INDEXED", { retrieval: { referenceImageEmbedding: null } }],
    ["HISTORY_NOT_INDEXED", { retrieval: { preferenceEmbedding: null } }],
  ])("reports %s when that prevents generation", async (reason, changes) => {
    expect(await keyOf(changes)).toBe(reason);
  });
});
