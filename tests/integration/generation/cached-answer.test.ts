import { createHash, randomUUID } from "node:crypto";
import { type Database } from "../../../src/db/database.js";
import { EmbeddingsRepository } from "../../../src/db/embeddings.repository.js";
import { ImageRejectionsRepository } from "../../../src/db/image-rejections.repository.js";
import { InteractionsRepository } from "../../../src/db/interactions.repository.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import { PersonalizedImagesRepository } from "../../../src/db/personalized-images.repository.js";
import { RetrievalRepository } from "../../../src/db/retrieval.repository.js";
import type { JobRow, PersonalizedImageRow } from "../../../src/db/rows.js";
import { UsersRepository } from "../../../src/db/users.repository.js";
import { Random, seedFrom } from "../../../src/ml/nn/random.js";
import { generationDefaults } from "../../../src/recsys/images/generation-options.js";
import { GenerationPlanner } from "../../../src/recsys/images/generation-plan.js";
import { plainMethod } from "../../../src/recsys/images/personalization-method.js";
import { PersonalizationService } from "../../../src/recsys/images/personalization.service.js";
import { InteractionRecordingService } from "../../../src/recsys/interactions/interaction-recording.service.js";
import { RetrievalService } from "../../../src/recsys/retrieval/retrieval.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const defaults = generationDefaults({
  defaults: { strength: 0.5, numSteps: 12, guidanceScale: 3 },
});

const D = 8;
const encoder = "test/clip@1";
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const embeddingOf = (text: string) => new Random(seedFrom(text)).normals(D);
const minute = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, n));

const fileOf = (hash: string) => ({
  hash,
  mediaType: "image/png",
  sizeBytes: 1,
  widthPixels: 1,
  heightPixels: 1,
});
/** The same picture, for another request. */
const copyOf = (image: PersonalizedImageRow, request: string) => ({
  ...image,
  id: randomUUID(),
  provenance: {},
  requestKey: hashOf(request),
});

interface Versions {
  ranker: string | null;
  personalizer: string | null;
  prompt: string;
}

describeOnEveryDatabase("a stored picture on the second request", open => {
  let db: Database;
  let statements = 0;

  beforeAll(async () => {
    db = await open({ onStatement: () => statements++ });
    const { pool } = db;
    const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
    pool.query = ((...args: unknown[]) => {
      statements++;
      return query(...args);
    }) as typeof pool.query;
  });

  beforeEach(async () => {
    await db.prisma.user.deleteMany();
    await db.prisma.imageRejection.deleteMany();
    await db.prisma.item.deleteMany();
    await db.prisma.user.create({ data: { id: "u" } });
    for (const id of ["cat", "dog", "owl", "fox", "new"]) {
      await addItem(id);
    }
    await like("cat", 1);
    await like("dog", 2);
    await like("owl", 3);
  });

  async function addItem(id: string) {
    await db.prisma.item.create({ data: { id, title: `a ${id}`, keywords: [id, "animal"] } });
    await setImage(id, id);
    await caption(id, `a drawing of ${id}`);
    await encode(id, id);
  }

  async function setImage(itemId: string, name: string) {
    const size = { sizeBytes: 1, widthPixels: 1, heightPixels: 1, mediaType: "image/png" };
    await new ItemsRepository(db.prisma).setImages([
      { itemId, blob: { hash: hashOf(name), ...size }, source: name },
    ]);
  }

  async function caption(itemId: string, text: string) {
    await new ItemsRepository(db.prisma).setImportedCaptions([{ itemId, text }]);
  }

  async function encode(itemId: string, text: string) {
    const embeddings = new EmbeddingsRepository(db.pool);
    for (const kind of ["CAPTION", "IMAGE"] as const) {
      const vector = embeddingOf(`${kind} ${text}`);
      await embeddings.saveMany(kind, encoder, [{ itemId, vector, sourceHash: hashOf(text) }]);
    }
  }

  async function like(itemId: string, at: number) {
    const occurredAt = minute(at);
    await db.prisma.interaction.create({
      data: { userId: "u", itemId, kind: "LIKE", occurredAt },
    });
  }

  async function rate(itemId: string, weight: number, at: number) {
    const occurredAt = minute(at);
    await db.prisma.interaction.create({
      data: { userId: "u", itemId, kind: "RATING", weight, occurredAt },
    });
  }

  const recording = () =>
    new InteractionRecordingService({
      users: new UsersRepository(db.prisma),
      items: new ItemsRepository(db.prisma),
      interactions: new InteractionsRepository(db.prisma),
    });

  /** The services of one process, and its active versions. */
  function createProcess(versions: Versions = { ranker: null, personalizer: null, prompt: "1" }) {
    const planner = new GenerationPlanner({
      retrieval: new RetrievalService({ encoder, rows: new RetrievalRepository(db.pool) }),
      rankers: { activeVersionId: async () => versions.ranker },
      methods: {
        active: async () =>
          versions.personalizer === null
            ? plainMethod
            : { ...plainMethod, id: `ragar@${versions.personalizer}` },
      },
      generator: { version: "mini@1" },
      promptVersion: versions.prompt,
      moderation: "",
    });
    const images = new PersonalizedImagesRepository(db.prisma, db.pool);
    const personalization = new PersonalizationService({
      planner,
      items: new ItemsRepository(db.prisma),
      images,
      jobs: {
        requestMany: async wanted =>
          wanted.map(({ dedupeKey }) => ({
            job: { state: "QUEUED", dedupeKey } as JobRow,
            isNew: true,
          })),
        waitFor: () => Promise.reject(new Error("nothing waits")),
        findCurrent: async () => [],
      },
      budget: {
        take: async (_payer, _cost, count) => ({
          numGranted: count,
          retryAt: new Date(),
          giveBack: async () => undefined,
        }),
      },
      evaluationsOf: () => 1,
      defaults,
    });
    /** Stores what a worker would generate now. */
    const make = async (otherKey?: string) => {
      const plan = await planner.plan("u", "fox", defaults);
      if (typeof plan === "string") {
        throw new Error(`expected a plan, got ${plan}`);
      }
      const { sourceBlobHash } = plan;
      const requestKey = otherKey ?? plan.requestKey;
      const hash = hashOf(`made ${requestKey}`);
      const stored = await images.save(
        {
          requestKey,
          userId: "u",
          itemId: "fox",
          blobHash: hash,
          sourceBlobHash,
          seed: 1,
          generator: "mini@1",
          promptVersion: versions.prompt,
          personalizerVersionId: null,
          rankingModelVersionId: null,
          isServed: true,
          provenance: { retrieved: [], weightEntropy: 0.5 },
          captionSimilarity: 0.25,
          imageSimilarity: 0.75,
          generationSeconds: 1.5,
        },
        fileOf(hash),
        null,
      );
      return stored!; // null only for a rejected picture
    };
    return { make, request: (userId = "u") => personalization.request(userId, "fox") };
  }

  it("needs one statement", async () => {
    const { make, request } = createProcess();
    const stored = await make();
    await request();
    statements = 0;
    expect(await request()).toEqual({ kind: "image", image: stored, cached: true });
    expect(statements).toBe(1);
  });

  it.each<[what: string, change: (imageId: string) => Promise<unknown>, answer: object]>([
    [
      "is deleted",
      id => db.prisma.personalizedImage.delete({ where: { id } }),
      { kind: "running" },
    ],
    [
      "is no longer served",
      id => db.prisma.personalizedImage.update({ where: { id }, data: { isServed: false } }),
      { kind: "original", reason: "RANKED_LOWER" },
    ],
    [
      "belongs to a user who is erased",
      () => db.prisma.user.delete({ where: { id: "u" } }),
      { kind: "original", reason: "NO_HISTORY" },
    ],
    [
      "belongs to a user who opts out",
      () => new UsersRepository(db.prisma).setOptedOut("u", minute(9)),
      { kind: "original", reason: "OPTED_OUT" },
    ],
  ])("is not returned from memory when it %s", async (_, change, answer) => {
    const { make, request } = createProcess();
    const { id } = await make();
    await request();
    expect(await request()).toMatchObject({ kind: "image", image: { id } });
    await change(id);
    expect(await request()).toMatchObject(answer);
  });

  it("is returned again when its user opts in again", async () => {
    const { make, request } = createProcess();
    const { id } = await make();
    const users = new UsersRepository(db.prisma);
    await users.setOptedOut("u", minute(9));
    expect(await request()).toMatchObject({ kind: "original", reason: "OPTED_OUT" });
    await users.setOptedOut("u", null);
    expect(await request()).toMatchObject({ kind: "image", image: { id } });
  });

  it("is not returned from memory when another process has made it again", async () => {
    const { make, request } = createProcess();
    const { id } = await make();
    await request();
    await db.prisma.personalizedImage.delete({ where: { id } });
    const again = await createProcess().make();
    expect(again.id).not.toBe(id);
    expect(await request()).toMatchObject({ kind: "image", image: { id: again.id } });
  });

  it("is not given to another user with the same history", async () => {
    const { make, request } = createProcess();
    await make();
    await request();
    await db.prisma.user.create({ data: { id: "v" } });
    const rows = await db.prisma.interaction.findMany({ where: { userId: "u" } });
    const copies = rows.map(({ itemId, kind, weight, occurredAt }) => ({
      ...{ userId: "v", itemId, kind, weight, occurredAt },
    }));
    await db.prisma.interaction.createMany({ data: copies });
    expect(await request("v")).toMatchObject({ kind: "running" });
  });

  it("is found among many images of the same item", async () => {
    const { make, request } = createProcess();
    const { id } = await make();
    for (let n = 0; n < 12; n++) {
      await make(hashOf(`later ${n}`));
    }
    await request();
    expect(await request()).toMatchObject({ kind: "image", image: { id } });
  });

  it("equals Prisma's row", async () => {
    const { requestKey } = await createProcess().make();
    const images = new PersonalizedImagesRepository(db.prisma, db.pool);
    const row = await db.prisma.personalizedImage.findUniqueOrThrow({ where: { requestKey } });
    expect(await images.findByRequestKey(requestKey)).toEqual(row);
    expect(await images.findByRequestKey(hashOf("another"))).toBeNull();
  });

  it.each<[what: string, change: () => Promise<unknown>]>([
    ["a new interaction", () => like("new", 9)],
    ["an interaction with a known item that changes the order", () => like("cat", 9)],
    [
      "an interaction that is taken back",
      () => db.prisma.interaction.deleteMany({ where: { itemId: "owl" } }),
    ],
    ["a dislike of a known item", () => rate("owl", 2, 9)],
    [
      "interactions that the API deletes",
      () => recording().remove({ userId: "u", itemId: "owl", kinds: ["LIKE"] }),
    ],
    ["another catalogue picture", () => setImage("fox", "another fox")],
    ["another title", () => db.prisma.item.update({ where: { id: "fox" }, data: { title: "f" } })],
    ["another caption of a retrieved item", () => caption("cat", "an oil painting of lilies")],
    ["another embedding of a retrieved item", () => encode("cat", "something else")],
    ["an item that leaves the catalogue", () => db.prisma.item.delete({ where: { id: "dog" } })],
  ])("is not returned after %s", async (_, change) => {
    const { make, request } = createProcess();
    await make();
    expect((await request()).kind).toBe("image");
    await change();
    expect((await request()).kind).toBe("running");
  });

  it("is still returned after a dislike of an item outside the preference", async () => {
    const { make, request } = createProcess();
    await make();
    await rate("new", 1, 9);
    expect((await request()).kind).toBe("image");
  });

  it("is not returned for embeddings of another encoder", async () => {
    const { make, request } = createProcess();
    await make();
    await db.prisma.embedding.updateMany({
      where: { itemId: "fox" },
      data: { encoder: "test/clip@2" },
    });
    expect(await request()).toMatchObject({ kind: "original", reason: "ITEM_NOT_INDEXED" });
  });

  it.each<[what: string, change: Partial<Versions>]>([
    ["ranking model", { ranker: randomUUID() }],
    ["personalizer", { personalizer: randomUUID() }],
  ])("is not returned for another %s", async (_, change) => {
    const versions: Versions = { ranker: null, personalizer: null, prompt: "1" };
    const { make, request } = createProcess(versions);
    await make();
    expect((await request()).kind).toBe("image");
    Object.assign(versions, change);
    expect((await request()).kind).toBe("running");
  });

  it("is not returned for another prompt", async () => {
    await createProcess().make();
    const other = createProcess({ ranker: null, personalizer: null, prompt: "2" });
    expect((await other.request()).kind).toBe("running");
  });

  it("is returned by no process once it is rejected, and its file is no longer sent", async () => {
    const [first, second] = [createProcess(), createProcess()];
    const stored = await first.make();
    expect(await second.request()).toMatchObject({ image: { id: stored.id } });
    const rejections = new ImageRejectionsRepository(db.prisma);
    expect(await rejections.findServed(stored.blobHash)).toMatchObject({ hash: stored.blobHash });
    const rejected = await rejections.reject(stored.id, "a watermark");
    expect(rejected).toMatchObject({ id: stored.id, isServed: false });
    expect((await first.request()).kind).toBe("running");
    expect((await second.request()).kind).toBe("running");
    expect(await rejections.findServed(stored.blobHash)).toBeNull();
    const images = new PersonalizedImagesRepository(db.prisma, db.pool);
    const again = copyOf(stored, "another request");
    expect(await images.save(again, fileOf(stored.blobHash), null)).toBeNull();
    expect(await images.findByRequestKey(again.requestKey)).toBeNull();
  });

  it("is stored or rejected, whichever process is first", async () => {
    const stored = await createProcess().make();
    const images = new PersonalizedImagesRepository(db.prisma, db.pool);
    const saves = Array.from({ length: 5 }, (_, n) =>
      images.save(copyOf(stored, `request ${n}`), fileOf(stored.blobHash), null),
    );
    await Promise.all([
      ...saves,
      new ImageRejectionsRepository(db.prisma).reject(stored.id, "bad"),
    ]);
    expect(await db.prisma.personalizedImage.count({ where: { isServed: true } })).toBe(0);
  });

  it("is found by another process, and again after a change is undone", async () => {
    const first = createProcess();
    const stored = await first.make();
    const second = createProcess();
    expect(await second.request()).toMatchObject({ kind: "image", image: { id: stored.id } });
    await like("new", 9);
    expect((await second.request()).kind).toBe("running");
    await db.prisma.interaction.deleteMany({ where: { itemId: "new" } });
    expect(await second.request()).toMatchObject({ kind: "image", image: { id: stored.id } });
    expect(await first.request()).toMatchObject({ kind: "image", image: { id: stored.id } });
  });
});
