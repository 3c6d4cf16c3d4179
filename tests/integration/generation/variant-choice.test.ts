/**
 * @jest-environment ./tests/unit/ml/runtime/onnx-environment.js
 *
 * The choice among an item's variants by a ranking model that was trained on two tastes: even items, and odd ones.
 */
import { createHash, randomUUID } from "node:crypto";
import { BudgetsRepository } from "../../../src/db/budgets.repository.js";
import type { Database } from "../../../src/db/database.js";
import { EmbeddingsRepository } from "../../../src/db/embeddings.repository.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import { JobsRepository } from "../../../src/db/jobs.repository.js";
import { PersonalizedImagesRepository } from "../../../src/db/personalized-images.repository.js";
import { RetrievalRepository } from "../../../src/db/retrieval.repository.js";
import { VariantImagesRepository } from "../../../src/db/variant-images.repository.js";
import { VariantsRepository } from "../../../src/db/variants.repository.js";
import { GenerationBudget } from "../../../src/recsys/images/generation-budget.js";
import { generationDefaults } from "../../../src/recsys/images/generation-options.js";
import { GenerationPlanner } from "../../../src/recsys/images/generation-plan.js";
import { ImageGenerationService } from "../../../src/recsys/images/image-generation.service.js";
import { plainMethod } from "../../../src/recsys/images/personalization-method.js";
import {
  type PersonalizeOptions,
  type PersonalizeOutcome,
  PersonalizationService,
} from "../../../src/recsys/images/personalization.service.js";
import type { Provenance } from "../../../src/recsys/images/provenance.js";
import { VariantChoice } from "../../../src/recsys/images/variant-choice.js";
import { MAX_VARIANT_IMAGES, VariantImages } from "../../../src/recsys/images/variant-images.js";
import { JobEvents } from "../../../src/recsys/jobs/job-events.js";
import { JobService } from "../../../src/recsys/jobs/job.service.js";
import type { PictureRanker } from "../../../src/recsys/ranking/picture-ranker.js";
import { RetrievalService } from "../../../src/recsys/retrieval/retrieval.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { patience } from "../../helpers/patience.js";
import {
  choices,
  createShop,
  embedding,
  itemId,
  NUM_ITEMS,
} from "../../unit/recsys/ranking/shop.js";

const encoder = "test/clip@1";
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const size = { sizeBytes: 1, widthPixels: 1, heightPixels: 1, mediaType: "image/png" };
const defaults = generationDefaults({
  defaults: { strength: 0.5, numSteps: 12, guidanceScale: 3 },
});
/** Likes odd items; every item below is even. */
const oddUser = "user-1";
const evenUser = "user-0";
const tee = itemId(0);

/** An image of a variant: its embedding is that of an item with this index. */
interface Offer {
  id: string;
  index: number;
  isAvailable?: boolean;
  /** Default: a file of its own. */
  hash?: string;
  isIndexed?: boolean;
}

describeOnEveryDatabase("the variant that a shopper prefers", open => {
  let db: Database;
  let shop: Awaited<ReturnType<typeof createShop>>;
  let statements = 0;
  const versionId = randomUUID();

  beforeAll(async () => {
    shop = await createShop();
    await shop.train(versionId, { numEpochs: 30, itemItem: null }); // an image moves it more than the blend with EASE
    db = await open({ onStatement: () => statements++ });
    const { pool, prisma } = db;
    await prisma.rankingModelVersion.create({
      data: {
        ...{ id: versionId, algorithm: "MICRO", state: "READY", config: {}, seed: 1 },
        ...{ metrics: {}, artefactPath: `rankers/${versionId}`, activatedAt: new Date() },
      },
    });
    const ids = Array.from({ length: NUM_ITEMS }, (_, index) => itemId(index));
    await prisma.item.createMany({ data: ids.map(id => ({ id, title: id })) });
    const items = new ItemsRepository(prisma);
    await items.setImportedCaptions(ids.map(id => ({ itemId: id, text: `a drawing of ${id}` })));
    await items.setImages(
      ids.map(id => ({ itemId: id, blob: { hash: hashOf(id), ...size }, source: id })),
    );
    for (const kind of ["CAPTION", "IMAGE"] as const) {
      await new EmbeddingsRepository(pool).saveMany(
        kind,
        encoder,
        ids.map((id, n) => ({
          itemId: id,
          vector: embedding(kind, n),
          sourceHash: hashOf(`${kind} ${id}`),
        })),
      );
    }
    const rows = choices();
    const users = [...new Set(rows.map(({ userId }) => userId))];
    await prisma.user.createMany({ data: users.map(id => ({ id })) });
    await prisma.interaction.createMany({ data: rows.map(row => ({ ...row, kind: "LIKE" })) });
    const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
    pool.query = ((...args: unknown[]) => {
      statements++;
      return query(...args);
    }) as typeof pool.query;
  }, patience(60_000));

  afterEach(async () => {
    await db.prisma.job.deleteMany();
    await db.prisma.personalizedImage.deleteMany();
    await db.prisma.itemVariant.deleteMany();
    await db.prisma.variantEmbedding.deleteMany();
    await db.pool.query("DELETE FROM generation_budgets");
  });

  afterAll(() => shop.remove());

  /** Gives an item these variants, with indexed images. */
  async function offer(id: string, offers: readonly Offer[]) {
    const variants = new VariantsRepository(db.prisma);
    await variants.replaceMany([
      {
        itemId: id,
        variants: offers.map(({ id: variantId, isAvailable = true }) => ({
          ...{ id: variantId, title: "", options: [], isAvailable, hasImage: true },
        })),
      },
    ]);
    const shown = offers.map(one => ({ ...one, hash: one.hash ?? hashOf(`${id} ${one.id}`) }));
    await variants.setImages(
      shown.map(({ hash, id: variantId }) => ({
        ...{ itemId: id, variantIds: [variantId], source: variantId, sourceVersion: null },
        ...{ blobHash: hash, blob: { hash, ...size } },
      })),
    );
    await new VariantImagesRepository(db.pool).saveMany(
      encoder,
      [...new Map(shown.map(one => [one.hash, one])).values()]
        .filter(({ isIndexed = true }) => isIndexed)
        .map(({ hash, index }) => ({ sourceHash: hash, vector: embedding("IMAGE", index) })),
    );
  }

  function createProcess(ranker: PictureRanker = shop.recommendations, isRanked = true) {
    const images = new PersonalizedImagesRepository(db.prisma, db.pool);
    const jobRows = new JobsRepository(db.pool);
    const jobs = new JobService({ jobs: jobRows, events: new JobEvents() });
    const parts = {
      retrieval: new RetrievalService({ encoder, rows: new RetrievalRepository(db.pool) }),
      rankers: { activeVersionId: async () => (isRanked ? versionId : null) },
      methods: { active: async () => plainMethod },
      ...{ generator: { version: "mini@1" }, promptVersion: "1", moderation: "" },
    };
    const planner = new GenerationPlanner({
      ...parts,
      variants: new VariantImages({ encoder, rows: new VariantImagesRepository(db.pool) }),
    });
    const variants = new VariantChoice({ ranker, images, promptVersion: "1" });
    const limits = {
      ...{ evaluationsPerUser: 3, evaluationsPerKey: 0, evaluationsPerDay: 0 },
      ...{ maxLiveQueued: 1_000, maxBatchQueued: 1_000 },
    };
    const personalization = new PersonalizationService({
      ...{ planner, images, variants, jobs, defaults },
      items: new ItemsRepository(db.prisma),
      budget: new GenerationBudget({
        ...{ accounts: new BudgetsRepository(db.pool), jobs: jobRows, limits },
      }),
      evaluationsOf: () => 3,
    });
    const ask = (userId: string, options: PersonalizeOptions = {}, id = tee) =>
      personalization.request(userId, id, options);
    return {
      ask,
      images,
      personalization,
      planner,
      variants,
      without: new GenerationPlanner(parts),
    };
  }

  function imageIn(outcome: PersonalizeOutcome) {
    if (outcome.kind !== "image") {
      throw new Error(`expected an image, got ${JSON.stringify(outcome)}`);
    }
    return outcome;
  }
  const isBegun = async () => (await db.prisma.job.count()) > 0;

  it("is shown at once: no job, no budget, and the item ranks higher", async () => {
    await offer(tee, [
      { id: "even", index: 14 },
      { id: "odd", index: 13 },
    ]);
    const { ask, personalization } = createProcess();
    const { image, cached } = imageIn(await ask(oddUser));
    expect(image).toMatchObject({
      ...{ variantId: "odd", generator: "variant@1", isServed: true, userId: oddUser },
      ...{ blobHash: hashOf(`${tee} odd`), sourceBlobHash: hashOf(tee) },
    });
    expect(cached).toBe(false);
    expect(image.provenance).toMatchObject({ sourceType: null }); // the API calls it a VARIANT
    const change = await db.prisma.rankChange.findFirstOrThrow();
    expect(change).toMatchObject({
      personalizedImageId: image.id,
      rankingModelVersionId: versionId,
    });
    expect(change.deltaR).toBeGreaterThan(0);
    expect(change.rankAfter).toBeLessThan(change.rankBefore);
    const { candidates, chosenCandidate } = image.provenance as unknown as Provenance;
    expect(candidates.map(({ variantId }) => variantId)).toEqual(["even", "odd"]);
    expect(chosenCandidate).toBe(1);
    expect(candidates[1].score).toBeGreaterThan(candidates[0].score!);

    expect(imageIn(await ask(oddUser))).toMatchObject({ cached: true, image: { id: image.id } });
    const [stored] = await personalization.findStored(oddUser, [tee]);
    expect(stored?.id).toBe(image.id);
    expect(await isBegun()).toBe(false);
    expect(await db.pool.query("SELECT FROM generation_budgets")).toMatchObject({ rowCount: 0 });
  });

  it("gives way to a generated image where the catalogue image suits the shopper better", async () => {
    await offer(tee, [{ id: "odd", index: 13 }]);
    const { ask } = createProcess();
    expect((await ask(evenUser)).kind).toBe("running");
    expect(await db.prisma.personalizedImage.count()).toBe(0);
  });

  it("is not an unavailable one, the item's own image, or one that is not indexed", async () => {
    await offer(tee, [
      { id: "gone", index: 13, isAvailable: false },
      { id: "own", index: 13, hash: hashOf(tee) },
      { id: "unread", index: 13, isIndexed: false },
    ]);
    const { planner, without } = createProcess();
    const [plan] = await planner.planMany(oddUser, [tee], defaults);
    const [bare] = await without.planMany(oddUser, [tee], defaults);
    expect(plan).toMatchObject({ variants: [] });
    expect(plan).toEqual(bare); // the key too
  });

  it("is the first available of those that share an image, and another once it is deleted", async () => {
    const hash = hashOf("shared");
    await offer(tee, [
      { id: "s", index: 13, hash, isAvailable: false },
      { id: "m", index: 13, hash },
      { id: "l", index: 13, hash },
    ]);
    const { ask } = createProcess();
    expect(imageIn(await ask(oddUser)).image.variantId).toBe("m");
    await offer(tee, [{ id: "l", index: 13, hash }]);
    expect(imageIn(await ask(oddUser))).toMatchObject({ cached: false, image: { variantId: "l" } });
    await offer(tee, []);
    expect((await ask(oddUser)).kind).toBe("running");
  });

  it("is all that is shown with ONLY, and never with OFF", async () => {
    await offer(tee, [{ id: "odd", index: 13 }]);
    const { ask, planner, without } = createProcess();
    const only = { variants: "ONLY" } as const;
    expect(await ask(evenUser, only)).toMatchObject({
      ...{ kind: "original", reason: "NO_BETTER_VARIANT", item: { id: tee } },
    });
    expect(await ask(oddUser, only, itemId(2))).toMatchObject({ reason: "NO_BETTER_VARIANT" });
    expect(imageIn(await ask(oddUser, only)).image.variantId).toBe("odd");
    expect(await isBegun()).toBe(false);
    expect((await ask(oddUser, { variants: "OFF" })).kind).toBe("running");
    const [plan] = await planner.planMany(oddUser, [tee], { ...defaults, variants: "OFF" });
    const [bare] = await without.planMany(oddUser, [tee], defaults);
    expect(plan).toMatchObject({ requestKey: (bare as { requestKey: string }).requestKey });
  });

  it("is shown when the budget is used up", async () => {
    await offer(tee, [{ id: "odd", index: 13 }]);
    const { ask } = createProcess();
    expect((await ask(oddUser, {}, itemId(2))).kind).toBe("running");
    expect(await ask(oddUser, {}, itemId(4))).toMatchObject({ reason: "BUSY" });
    expect((await ask(oddUser)).kind).toBe("image");
  });

  it("is nearest to the shopper's history where no ranking model decides", async () => {
    await offer(tee, [
      { id: "even", index: 14 },
      { id: "odd", index: 13 },
    ]);
    const { ask } = createProcess({ whatIf: async () => null }, false);
    expect(imageIn(await ask(oddUser)).image).toMatchObject({
      ...{ variantId: "odd", rankingModelVersionId: null },
    });
    expect(await db.prisma.rankChange.count()).toBe(0);
  });

  it("compares a bounded number of images", async () => {
    await offer(
      tee,
      Array.from({ length: 200 }, (_, n) => ({ id: `v${n}`, index: n === 3 ? 13 : 14 + 2 * n })),
    );
    let numCompared = 0;
    const { ask } = createProcess({
      whatIf: (viewer, id, embeddings) => {
        numCompared = embeddings.length;
        return shop.recommendations.whatIf(viewer, id, embeddings);
      },
    });
    expect(imageIn(await ask(oddUser)).image.variantId).toBe("v3");
    expect(numCompared).toBe(MAX_VARIANT_IMAGES);
  });

  it("is chosen for a shelf with the statements of one item, and the ranker asked once", async () => {
    const shelf = [2, 4, 6, 8].map(itemId);
    for (const id of [tee, ...shelf]) {
      await offer(id, [{ id: "odd", index: 13 }]);
    }
    let numAsked = 0;
    const { personalization } = createProcess({
      whatIf: () => Promise.reject(new Error("asked one by one")),
      whatIfMany: (viewer, requests) => {
        numAsked++;
        return shop.recommendations.whatIfMany(viewer, requests);
      },
    });
    const statementsOf = async (ids: readonly string[]) => {
      const before = statements;
      const outcomes = await personalization.requestMany(oddUser, ids);
      expect(outcomes.map(outcome => "kind" in outcome && outcome.kind)).toEqual(
        ids.map(() => "image"),
      );
      return statements - before;
    };
    await personalization.findStored(oddUser, [tee, ...shelf]); // items are in memory now
    const one = await statementsOf([tee]);
    expect(await statementsOf(shelf)).toBe(one);
    expect(numAsked).toBe(2);
    expect(await statementsOf(shelf)).toBeLessThan(one); // stored
    expect(numAsked).toBe(2);
  });

  it("is stored once, however many ask", async () => {
    await offer(tee, [{ id: "odd", index: 13 }]);
    const { ask } = createProcess();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => ask(oddUser)));
    expect(new Set(outcomes.map(outcome => imageIn(outcome).image.id)).size).toBe(1);
    expect(await db.prisma.rankChange.count()).toBe(1);
  });

  it("is not stored if its file was deleted since, and a picture is generated", async () => {
    await offer(tee, [{ id: "odd", index: 13 }]);
    const { images, planner } = createProcess();
    const [plan] = await planner.planMany(oddUser, [tee], defaults);
    if (plan === null || typeof plan === "string") {
      throw new Error(`expected a plan, got ${plan}`);
    }
    const lost = {
      ...plan,
      variants: plan.variants.map(image => ({ ...image, blobHash: hashOf("lost") })),
    };
    const ranker = shop.recommendations;
    const choice = new VariantChoice({ ranker, images, promptVersion: "1" });
    expect(await choice.choose([lost])).toEqual([]);
    expect(await images.findByRequestKey(plan.requestKey)).toBeNull();
    expect(await choice.choose([plan])).toMatchObject([{ variantId: "odd" }]);
  });

  it("is found by a job too, before anything is drawn", async () => {
    await offer(tee, [{ id: "odd", index: 13 }]);
    const { images, planner, variants } = createProcess();
    const never = () => Promise.reject(new Error("something was drawn"));
    const generation = new ImageGenerationService({
      ...{ planner, images, variants, promptVersion: "1" },
      generator: { version: "mini@1", generate: never },
      imageFiles: { load: never, store: never, remove: never },
      clip: { encodeImages: never },
      ranker: shop.recommendations,
      products: null,
      gate: () => ({ passes: true, faults: [] }),
      moderation: { name: "", faultsOf: never },
    });
    const payload = { userId: oddUser, itemId: tee, options: defaults };
    const report = { signal: new AbortController().signal, report: () => undefined };
    const result = await generation.generate(payload, report);
    const stored = await db.prisma.personalizedImage.findFirstOrThrow();
    expect(result).toEqual({ imageId: stored.id });
    expect(stored.variantId).toBe("odd");
  });
});
