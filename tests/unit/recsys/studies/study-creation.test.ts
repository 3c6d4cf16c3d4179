/** Creation over fakes that draw flat images: which pairs and images a study has, and what is refused. */
import { createHash } from "node:crypto";
import type { NewStudy, NewStudyPair } from "../../../../src/db/studies.repository.js";
import type { GenerateRequest } from "../../../../src/ml/diffusion/image-generator.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { generationDefaults } from "../../../../src/recsys/images/generation-options.js";
import type { GenerationPlan } from "../../../../src/recsys/images/generation-plan.js";
import { plainMethod } from "../../../../src/recsys/images/personalization-method.js";
import { AttentionChecks } from "../../../../src/recsys/studies/attention-checks.js";
import { PairImages } from "../../../../src/recsys/studies/pair-images.js";
import { StudyCreationService } from "../../../../src/recsys/studies/study-creation.service.js";
import { studyRequestSchema } from "../../../../src/recsys/studies/study-request.js";

const studyId = "5b0f6f0e-3a53-4c4b-9a55-0d7f3e0a1b2c";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const hashOfItem = (itemId: string) => sha256(`catalogue ${itemId}`);
const embedding = Float32Array.of(1, 0);

interface Changes {
  /** Items of the user's history. */
  history?: string[];
  /** Rank of each candidate of the active method; the rank before is 10. */
  ranks?: number[];
  unsafe?: boolean;
  readsPrompts?: boolean;
  missing?: boolean;
}

function createFakes(changes: Changes = {}) {
  const { history = ["h1", "h2", "h3", "h4", "h5", "h6"], ranks = [9, 3, 5] } = changes;
  const stored: NewStudy[] = [];
  const drawn: GenerateRequest[] = [];
  const simulated = ["sim-1", "sim-2", "sim-3"];
  const items = ["a", "b", "c", "d", "e"];
  const flat = (value: number): RgbImage => ({
    widthPixels: 1,
    heightPixels: 1,
    pixels: Uint8Array.of(value, 0, 0),
  });
  const images = new PairImages({
    planner: {
      plan: async (userId, itemId, options) =>
        ({
          userId,
          itemId,
          options,
          method: plainMethod,
          sourceBlobHash: hashOfItem(itemId),
          retrieval: {
            userId,
            itemId,
            sourceBlobHash: hashOfItem(itemId),
            historyItemIds: history,
            prompt: "keywords and preference",
            referencePrompt: "keywords",
            preferenceEmbedding: embedding,
            referenceCaptionEmbedding: embedding,
            referenceImageEmbedding: embedding,
          },
        }) as unknown as GenerationPlan,
    },
    methods: { active: async () => plainMethod },
    path: {
      generator: {
        version: "flat@1",
        generate: async request => {
          drawn.push(request);
          const shade = request.prompt.length + (request.imageEmbedding ? 100 : 0);
          return Array.from({ length: request.numImages }, (_, n) => flat(shade + n));
        },
      },
      imageFiles: { load: async () => flat(1) },
      clip: { encodeImages: async list => list.map(() => embedding) },
      ranker: {
        whatIf: async (_viewer: unknown, _itemId: string, embeddings: readonly unknown[]) => ({
          rankBefore: 10,
          candidates: embeddings.map((_, n) => ({ rank: ranks[n], score: -ranks[n], deltaR: 0 })),
        }),
      } as never,
      products: null,
    },
    imageFiles: {
      store: async image => ({
        hash: sha256(`drawn ${image.pixels[0]}`),
        mediaType: "image/png",
        sizeBytes: 1,
        widthPixels: 1,
        heightPixels: 1,
      }),
    },
    rules: {
      gate: () => ({ passes: true, faults: [] }),
      moderation: {
        faultsOf: async (list: readonly RgbImage[]) =>
          list.map(() => (changes.unsafe ? ["UNSAFE"] : [])),
      },
    },
    defaults: generationDefaults(null),
    imageHashesOf: async ids => new Map(ids.map(id => [id, hashOfItem(id)])),
    readsPrompts: changes.readsPrompts ?? true,
  });
  const service = new StudyCreationService({
    studies: {
      findById: async id => (stored.some(study => study.id === id) ? ({ id } as never) : null),
      findShowableItemIds: async () => items,
      findSimulatedUserIds: async () => simulated,
      hasChosen: async (_userId, itemId) => itemId === "a",
      insert: async study => {
        if (changes.missing) {
          return study.pairs[0];
        }
        stored.push(study);
        return null;
      },
    },
    users: {
      findById: async id => (id === "nobody" ? null : { isSimulated: simulated.includes(id) }),
    },
    images,
    checks: new AttentionChecks({
      findItemIds: async () => items,
      findItems: async ids =>
        ids.map(itemId => ({
          itemId,
          blobHash: hashOfItem(itemId),
          captionEmbedding: Float32Array.of(1, items.indexOf(itemId)),
        })),
    }),
  });
  const create = (given: object = {}) =>
    service.create(
      studyRequestSchema.parse({
        studyId,
        title: "Cats",
        methods: ["ORIGINAL", "SERVED", "FIRST_CANDIDATE", "KEYWORDS", "RETRIEVAL"],
        numPairs: 2,
        numChecks: 1,
        ...given,
      }),
    );
  return { create, drawn, stored };
}

const candidatesOf = ({ images }: NewStudyPair) =>
  images.filter(({ role }) => role === "CANDIDATE");

describe("StudyCreationService", () => {
  it("stores five images of the history, newest first, the reference, and each method's image", async () => {
    const { create, stored } = createFakes();
    await create();
    const [{ pairs, ...study }] = stored;
    expect(study).toMatchObject({ id: studyId, generator: "flat@1", method: "plain", seed: 1 });
    const [pair] = pairs;
    const history = pair.images.filter(({ role }) => role === "HISTORY");
    expect(history.map(({ blobHash }) => blobHash)).toEqual(
      ["h6", "h5", "h4", "h3", "h2"].map(hashOfItem),
    );
    const full = "keywords and preference".length;
    expect(candidatesOf(pair).map(({ blobHash, methods }) => [methods, blobHash])).toEqual([
      [["ORIGINAL"], hashOfItem(pair.itemId)],
      [["SERVED"], sha256(`drawn ${full + 100 + 1}`)], // the second candidate ranks best
      [["FIRST_CANDIDATE"], sha256(`drawn ${full + 100}`)],
      [["KEYWORDS"], sha256(`drawn ${full}`)],
      [["RETRIEVAL"], sha256(`drawn ${"keywords".length + 100}`)],
    ]);
  });

  it("draws the candidates that two methods share once", async () => {
    const { create, drawn } = createFakes();
    await create({ methods: ["SERVED", "FIRST_CANDIDATE"], numPairs: 1 });
    expect(drawn).toHaveLength(1);
    expect(drawn[0].numImages).toBe(3);
  });

  it("shows one image for methods that give the same file", async () => {
    const { create, stored } = createFakes({ ranks: [99, 99, 99] }); // so the catalogue image is served
    await create({ methods: ["ORIGINAL", "SERVED", "KEYWORDS"] });
    expect(candidatesOf(stored[0].pairs[0]).map(({ methods }) => methods)).toEqual([
      ["ORIGINAL", "SERVED"],
      ["KEYWORDS"],
    ]);
  });

  it("refuses a pair whose methods all give the same image", async () => {
    const { create, stored } = createFakes({ ranks: [99, 99, 99] });
    await expect(create({ methods: ["ORIGINAL", "SERVED"] })).rejects.toMatchObject({
      code: "STUDY_PAIR_UNUSABLE",
      message: expect.stringContaining("the same image") as string,
    });
    expect(stored).toEqual([]);
  });

  it("draws other pairs with another seed, the same with the same, and no chosen item", async () => {
    const pairsOf = async (seed: number) => {
      const { create, stored } = createFakes();
      await create({ seed, numPairs: 3 });
      return stored[0].pairs.map(({ itemId, userId }) => `${userId} ${itemId}`);
    };
    expect(await pairsOf(1)).toEqual(await pairsOf(1));
    expect(await pairsOf(1)).not.toEqual(await pairsOf(2));
    expect((await pairsOf(1)).join()).not.toContain(" a");
  });

  it("makes checks whose right image is the reference, with the least similar others", async () => {
    const { create, stored } = createFakes();
    await create({ pairs: [{ userId: "sim-1", itemId: "b" }], numChecks: 2 });
    const checks = stored[0].pairs.filter(({ isCheck }) => isCheck);
    expect(checks).toHaveLength(2);
    const [right, ...wrong] = candidatesOf(checks[0]);
    expect(right).toMatchObject({ isRight: true, methods: [], blobHash: hashOfItem("b") });
    expect(wrong.map(({ blobHash, isRight }) => [isRight, blobHash])).toEqual([
      [false, hashOfItem("a")],
      [false, hashOfItem("c")],
    ]);
  });

  it("needs the consent of a user who is not simulated", async () => {
    const { create, stored } = createFakes();
    const pair = { userId: "anna", itemId: "b" };
    await expect(create({ pairs: [pair] })).rejects.toMatchObject({
      code: "STUDY_PAIR_UNUSABLE",
    });
    await create({ pairs: [{ ...pair, consent: true }] });
    expect(stored[0].pairs[0].hasConsent).toBe(true);
  });

  it.each([
    [
      { history: ["h1", "h2"] },
      { pairs: [{ userId: "sim-1", itemId: "b" }] },
      "STUDY_PAIR_UNUSABLE",
    ],
    [{ history: ["h1", "h2"] }, {}, "INVALID_ARGUMENT"],
    [{}, { numPairs: 4 }, "INVALID_ARGUMENT"],
    [{}, { pairs: [{ userId: "nobody", itemId: "b" }] }, "USER_NOT_FOUND"],
    [{ unsafe: true }, { methods: ["ORIGINAL", "FIRST_CANDIDATE"] }, "STUDY_PAIR_UNUSABLE"],
    [{ readsPrompts: false }, {}, "INVALID_ARGUMENT"],
    [{ missing: true }, {}, "STUDY_PAIR_UNUSABLE"],
  ])("with %j and %j is refused: %s", async (changes, given, code) => {
    const { create, stored } = createFakes(changes);
    await expect(create(given)).rejects.toMatchObject({ code });
    expect(stored).toEqual([]);
  });

  it("does not make a stored study again", async () => {
    const { create, drawn } = createFakes();
    await create();
    const { length } = drawn;
    expect(await create()).toEqual({ studyId });
    expect(drawn).toHaveLength(length);
  });
});
