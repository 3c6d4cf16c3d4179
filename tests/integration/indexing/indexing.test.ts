import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { BlobStore } from "../../../src/db/blob-store.js";
import { CaptionsRepository } from "../../../src/db/captions.repository.js";
import { type Database } from "../../../src/db/database.js";
import { EmbeddingsRepository } from "../../../src/db/embeddings.repository.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import { KeywordsRepository } from "../../../src/db/keywords.repository.js";
import { RetrievalRepository } from "../../../src/db/retrieval.repository.js";
import { ShopLanguageRepository } from "../../../src/db/shop-language.repository.js";
import { VariantImagesRepository } from "../../../src/db/variant-images.repository.js";
import { AppError } from "../../../src/errors/app-error.js";
import { cosine } from "../../../src/ml/nn/cosine.js";
import { Random, seedFrom } from "../../../src/ml/nn/random.js";
import type { RgbImage } from "../../../src/ml/nn/rgb-image.js";
import { CatalogueImportService } from "../../../src/recsys/import/catalogue-import.service.js";
import { CatalogueSource } from "../../../src/recsys/import/catalogue.js";
import { IndexingService } from "../../../src/recsys/retrieval/indexing.service.js";
import { KeywordExtraction } from "../../../src/recsys/retrieval/keyword-extraction.js";
import { KEYWORD_EXTRACTOR } from "../../../src/recsys/retrieval/keywords.js";
import { LiveCaptionIndex } from "../../../src/recsys/retrieval/live-caption-index.js";
import { modelId } from "../../../src/recsys/retrieval/model-id.js";
import { defaultEngine } from "../../../src/recsys/retrieval/nearest-graph.js";
import { RetrievalService } from "../../../src/recsys/retrieval/retrieval.service.js";
import { ShopLanguageService } from "../../../src/recsys/retrieval/shop-language.service.js";
import { SimilarItemsService } from "../../../src/recsys/retrieval/similar-items.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const D = 16;
const blobHash = (name: string) => createHash("sha256").update(name).digest("hex");
const embeddingOf = (text: string) => new Random(seedFrom(text)).normals(D);

const textIn = ({ pixels }: RgbImage) => Buffer.from(pixels).toString();

/** Models that return what was written into an image, and record their calls. */
function createModels(version = "1") {
  const asked = { captions: 0, texts: 0, images: 0, keywords: 0 };
  return {
    asked,
    captioner: {
      name: "test/captioner",
      version,
      caption: async (images: RgbImage[]) => {
        asked.captions += images.length;
        return images.map(image => `a drawing of ${textIn(image)}`);
      },
    },
    /** Keywords of the title, and one of its own; of an item that is called odd it knows nothing. */
    keywordModel: {
      version: `test/llm@${version}`,
      answer: async (items: readonly { caption: string; text: string }[]) => {
        asked.keywords += items.length;
        return items.map(({ text }) =>
          text.includes("odd") ? "warthog" : `llm, ${text.split(" ").join(", ")}`,
        );
      },
    },
    clip: {
      name: "test/clip",
      version,
      dimension: D,
      encodeTexts: async (texts: string[]) => {
        asked.texts += texts.length;
        return texts.map(embeddingOf);
      },
      encodeImages: async (images: RgbImage[]) => {
        asked.images += images.length;
        return images.map(image => embeddingOf(textIn(image)));
      },
    },
  };
}

type Settings = Pick<
  ConstructorParameters<typeof IndexingService>[0],
  "captionMode" | "captionAgreement"
> & { asksModel?: boolean; hasCaptioner?: boolean };

describeOnEveryDatabase("indexing", open => {
  let db: Database;
  let home: string;
  let shown: Map<string, string>;
  const statements: string[] = [];

  beforeAll(async () => {
    db = await open();
    // Counts retrieval's statements; Prisma uses another path.
    const { pool } = db;
    const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
    pool.query = ((...args: unknown[]) => {
      statements.push(typeof args[0] === "string" ? args[0] : "");
      return query(...args);
    }) as typeof pool.query;
  });

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "vitrine-indexing-"));
    shown = new Map();
    await db.prisma.user.deleteMany();
    await db.prisma.item.deleteMany();
    await db.prisma.blob.deleteMany();
  });
  afterEach(() => rm(home, { recursive: true }));

  /** Adds items, each with an image of its own name. */
  async function addItems(ids: readonly string[], imageOf = (id: string) => id) {
    const items = new ItemsRepository(db.prisma);
    await items.upsertMany(
      ids.map(id => ({
        id,
        title: `Item ${id}`,
        description: "",
        category: null,
        keywords: ["thing"],
        isAvailable: true,
        attribution: null,
        caption: null,
      })),
    );
    await items.setImages(
      ids.map(itemId => {
        const hash = blobHash(imageOf(itemId));
        shown.set(hash, imageOf(itemId));
        const size = { sizeBytes: 1, widthPixels: 1, heightPixels: 1 };
        return { itemId, blob: { hash, mediaType: "image/png", ...size }, source: "test" };
      }),
    );
  }

  function createProcess(
    version = "1",
    { asksModel, hasCaptioner = true, ...captions }: Settings = {},
  ) {
    const models = createModels(version);
    const embeddings = new EmbeddingsRepository(db.pool);
    const encoder = modelId(models.clip);
    const folder = join(home, "index");
    const index = new LiveCaptionIndex({
      encoder,
      dimension: D,
      store: new FolderArtefactStore(home),
      embeddings,
    });
    const indexing = new IndexingService({
      ...models,
      ...(!hasCaptioner && {
        captioner: null,
        recognizer: {
          name: "test/recognition",
          version,
          caption: async (images: RgbImage[]) => images.map(image => `a photo of ${textIn(image)}`),
        },
      }),
      imageFiles: {
        loadRgb: async hash => {
          const text = shown.get(hash);
          if (text === undefined) {
            throw new AppError("IMAGE_NOT_FOUND", { hash });
          }
          return { widthPixels: 1, heightPixels: 1, pixels: Buffer.from(text) };
        },
      },
      captions: new CaptionsRepository(db.pool),
      language: new ShopLanguageService({
        texts: new ShopLanguageRepository(db.pool),
        configured: null,
      }),
      embeddings,
      variantImages: new VariantImagesRepository(db.pool),
      index,
      keywords: new KeywordExtraction({
        rows: new KeywordsRepository(db.pool),
        model: asksModel ? models.keywordModel : null,
      }),
      ...captions,
    });
    const items = new ItemsRepository(db.prisma);
    const similar = new SimilarItemsService({
      index,
      items: {
        existing: ids => items.existing(ids),
        findTraits: ids => embeddings.findTraits(encoder, ids),
        sampleTraits: limit => embeddings.sampleTraits(encoder, limit),
      },
    });
    const retrieval = new RetrievalService({ encoder, rows: new RetrievalRepository(db.pool) });
    return { ...models, index, indexing, similar, retrieval, folder };
  }

  const numbered = (count: number) =>
    Array.from({ length: count }, (_, n) => `i${String(n).padStart(3, "0")}`);

  it("captions and encodes everything once, then does nothing", async () => {
    await addItems(numbered(150));
    const { indexing, asked, index } = createProcess();
    const stages: string[] = [];
    const report = await indexing.run({
      onProgress: ({ stage, done, total }) => stages.push(`${stage} ${done}/${total}`),
    });
    expect(report).toEqual({
      language: "en",
      numCaptioned: 150,
      numTextCaptions: 0,
      numWithoutImage: 0,
      numCaptionsEncoded: 150,
      numImagesEncoded: 150,
      numVariantImagesEncoded: 0,
      numItems: 150,
      numAdded: 150,
      numRemoved: 0,
      numPoints: 150,
      search: defaultEngine,
      recallAt10: 1,
      hnswRecallAt10: defaultEngine === "hnsw" ? 1 : null,
      numSkipped: 0,
      skipped: [],
      keywordModel: null,
      numKeywordsAsked: 0,
      numKeywordsUsable: 0,
      numKeywordsFaulty: 0,
    });
    expect(stages).toContain("captions 64/150");
    expect(stages.at(-1)).toBe("index 150/150");
    expect(await db.prisma.caption.findUnique({ where: { itemId: "i007" } })).toMatchObject({
      text: "a drawing of i007",
      source: "MODEL",
      model: "test/captioner@1",
      blobHash: blobHash("i007"),
    });
    const row = await db.prisma.embedding.findFirstOrThrow({
      where: { itemId: "i007", kind: "CAPTION" },
    });
    expect(row).toMatchObject({ encoder: "test/clip@1", dimension: D });
    const stored = new Float32Array(new Uint8Array(row.vector).buffer);
    expect(Math.hypot(...stored)).toBeCloseTo(1, 6);
    expect(cosine(stored, embeddingOf("a drawing of i007"))).toBeCloseTo(1, 6);
    expect(index.current.numItems).toBe(150);

    expect(await indexing.run()).toMatchObject({ numCaptioned: 0, numAdded: 0, numItems: 150 });
    expect(asked).toEqual({ captions: 150, texts: 150, images: 150, keywords: 0 });
  });

  it("resumes a stopped run", async () => {
    await addItems(numbered(150));
    const stopping = new AbortController();
    const first = createProcess();
    const stopped = first.indexing.run({
      signal: stopping.signal,
      onProgress: ({ stage, done }) => {
        if (stage === "captions" && done === 64) {
          stopping.abort();
        }
      },
    });
    await expect(stopped).rejects.toThrow("aborted");
    const second = createProcess();
    expect(await second.indexing.run()).toMatchObject({ numCaptioned: 86, numItems: 150 });
    expect(first.asked.captions + second.asked.captions).toBe(150);
  });

  it("skips and reports an unreadable picture", async () => {
    await addItems(numbered(70));
    shown.delete(blobHash("i005"));
    const { indexing } = createProcess();
    expect(await indexing.run()).toMatchObject({
      numCaptioned: 69,
      numTextCaptions: 1, // found by its text
      numImagesEncoded: 69,
      numItems: 70,
      numSkipped: 1,
      skipped: [{ itemId: "i005", reason: expect.stringContaining("No image") as string }],
    });
  });

  it("processes only what a new picture, caption or model changes", async () => {
    await addItems(numbered(10));
    await createProcess().indexing.run();
    await addItems(["i001"], () => "another");
    await new ItemsRepository(db.prisma).setImportedCaptions([
      { itemId: "i002", text: "written manually" },
    ]);
    const second = createProcess();
    expect(await second.indexing.run()).toMatchObject({
      numCaptioned: 1,
      numCaptionsEncoded: 2,
      numImagesEncoded: 1,
      numAdded: 2,
      numItems: 10,
    });
    const third = createProcess("2");
    expect(await third.indexing.run()).toMatchObject({
      numCaptioned: 9, // never the one that came with the catalogue
      numCaptionsEncoded: 10,
      numImagesEncoded: 10,
      numAdded: 10,
      numItems: 10,
    });
    expect(await db.prisma.caption.findUnique({ where: { itemId: "i002" } })).toMatchObject({
      text: "written manually",
    });
  });

  it("detects the language of the titles, and keywords then omit its stop words", async () => {
    const titles = [
      "Rote Jacke mit der Kapuze für den Herbst",
      "Hose aus Leinen für Herren und Damen",
      "Kinderschuhe mit Klettverschluss für jeden Tag",
      "Gestreifter Pullover aus Wolle für den Winter",
      "Sommerkleid mit Blumen und einem Gürtel aus Leder",
    ];
    await addItems(numbered(titles.length));
    for (const [n, title] of titles.entries()) {
      await db.prisma.item.update({ where: { id: numbered(titles.length)[n] }, data: { title } });
    }
    await db.prisma.user.create({ data: { id: "u" } });
    const { indexing, retrieval } = createProcess("1", { captionMode: "text" });
    const keywords = async () => (await retrieval.retrieve("u", "i000")).referenceKeywords;
    expect(await keywords()).toContain("der"); // not detected yet, so English
    expect(await indexing.run()).toMatchObject({ language: "de" });
    expect(await keywords()).toEqual(["thing", "rote", "jacke", "kapuze", "herbst"]);
    expect(await indexing.run({ language: "en" })).toMatchObject({ language: "en" });
    expect(await keywords()).toContain("der");
    await expect(indexing.run({ language: "xx" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await db.prisma.shopSetting.deleteMany();
  });

  describe("keywords of the language model", () => {
    const openProcess = (version = "1") => createProcess(version, { asksModel: true });
    const retitle = (id: string, title: string) =>
      db.prisma.item.update({ where: { id }, data: { title } });

    beforeEach(() => db.prisma.user.create({ data: { id: "u" } }));

    it("are asked for once, and again only after a change of title, caption or model", async () => {
      await addItems(numbered(10));
      const first = openProcess();
      expect(await first.indexing.run()).toMatchObject({
        keywordModel: "test/llm@1",
        numKeywordsAsked: 10,
        numKeywordsUsable: 10,
        numKeywordsFaulty: 0,
      });
      expect(await first.indexing.run()).toMatchObject({ numKeywordsAsked: 0 });
      await retitle("i001", "Red shirt");
      await new ItemsRepository(db.prisma).setImportedCaptions([{ itemId: "i002", text: "new" }]);
      expect(await first.indexing.run()).toMatchObject({
        numKeywordsAsked: 2,
        numKeywordsUsable: 10,
      });
      expect(first.asked.keywords).toBe(12);
      expect(await openProcess("2").indexing.run()).toMatchObject({
        keywordModel: "test/llm@2",
        numKeywordsAsked: 10,
      });
      expect(await first.indexing.run({ rebuild: true })).toMatchObject({ numKeywordsAsked: 10 });
      await db.prisma.item.deleteMany();
      expect(await db.prisma.itemKeywords.count()).toBe(0);
    });

    it("are read by retrieval, in as many statements as without", async () => {
      await addItems(["i000", "i001"]);
      await db.prisma.interaction.create({
        data: { userId: "u", itemId: "i001", kind: "LIKE", occurredAt: new Date() },
      });
      const { indexing, retrieval } = openProcess();
      const keywords = async () => {
        statements.length = 0;
        const { keywordExtractor, preferenceKeywords, referenceKeywords } =
          await retrieval.retrieve("u", "i000");
        expect(statements).toHaveLength(3);
        return { keywordExtractor, preferenceKeywords, referenceKeywords };
      };
      const before = await keywords();
      expect(before).toMatchObject({
        keywordExtractor: KEYWORD_EXTRACTOR,
        referenceKeywords: ["thing", "item", "i000"],
      });
      await indexing.run();
      expect(await keywords()).toEqual({
        keywordExtractor: "test/llm@1",
        referenceKeywords: ["thing", "llm", "item", "i000"], // the shop's own come first
        preferenceKeywords: ["i001", "item", "llm", "thing"],
      });
      const shared = await new RetrievalRepository(db.pool).findAllItems("test/clip@1");
      expect(shared.map(({ modelKeywords }) => modelKeywords)).toEqual([
        ["llm", "item", "i000"],
        ["llm", "item", "i001"],
      ]);

      await retitle("i000", "Red shirt"); // not read by the model yet
      expect(await keywords()).toMatchObject({
        keywordExtractor: `test/llm@1, ${KEYWORD_EXTRACTOR}`,
        referenceKeywords: expect.arrayContaining(["red", "shirt"]) as string[],
      });
      await indexing.run();
      expect(await keywords()).toMatchObject({
        keywordExtractor: "test/llm@1",
        referenceKeywords: ["thing", "llm", "red", "shirt"],
      });
      await createProcess().indexing.run(); // the shop turns the language model off
      expect(await keywords()).toMatchObject({ keywordExtractor: KEYWORD_EXTRACTOR });
    });

    it("are the extractor's where the answer cannot be used, which is said and not asked again", async () => {
      await addItems(["i000", "i001"]);
      await retitle("i000", "An odd chair");
      const { asked, indexing, retrieval } = openProcess();
      const report = { numKeywordsUsable: 1, numKeywordsFaulty: 1 };
      expect(await indexing.run()).toMatchObject(report);
      expect(await retrieval.retrieve("u", "i000")).toMatchObject({
        keywordExtractor: KEYWORD_EXTRACTOR,
        referenceKeywords: expect.arrayContaining(["odd", "chair"]) as string[],
      });
      expect(
        await db.prisma.itemKeywords.findUniqueOrThrow({ where: { itemId: "i000" } }),
      ).toMatchObject({ keywords: [], fault: "is not about the title" });
      expect(await indexing.run()).toMatchObject({ ...report, numKeywordsAsked: 0 });
      expect(asked.keywords).toBe(2);
    });

    it("continue where a stopped run was", async () => {
      await addItems(numbered(150));
      const stopping = new AbortController();
      const first = openProcess();
      const stopped = first.indexing.run({
        signal: stopping.signal,
        onProgress: ({ stage, done }) => {
          if (stage === "keywords" && done === 64) {
            stopping.abort();
          }
        },
      });
      await expect(stopped).rejects.toThrow("aborted");
      const second = openProcess();
      expect(await second.indexing.run()).toMatchObject({
        numKeywordsAsked: 86,
        numKeywordsUsable: 150,
      });
      expect(first.asked.keywords + second.asked.keywords).toBe(150);
    });
  });

  describe("captions of text", () => {
    /** Adds items without an image. */
    const addTexts = (rows: readonly { id: string; title: string; category?: string }[]) =>
      new ItemsRepository(db.prisma).upsertMany(
        rows.map(({ id, title, category = null }) => ({
          id,
          title,
          description: "",
          category,
          keywords: [],
          isAvailable: true,
          attribution: null,
          caption: null,
        })),
      );
    const captionsNow = async () => {
      const rows = await db.prisma.caption.findMany({ orderBy: { itemId: "asc" } });
      return Object.fromEntries(
        rows.map(({ itemId, source, text }) => [itemId, `${source}: ${text}`]),
      );
    };
    const retitle = (id: string, title: string) =>
      db.prisma.item.update({ where: { id }, data: { title } });

    it("are composed from title and category for items without a picture, which search then finds", async () => {
      await addTexts([
        { id: "lamp", title: "Lamp", category: "Home > Light/Table" },
        { id: "shirt", title: "Red Shirt", category: "shirt" },
        { id: "plain", title: "Plain" },
      ]);
      const { indexing, similar, retrieval } = createProcess();
      expect(await indexing.run()).toMatchObject({
        numCaptioned: 0,
        numTextCaptions: 3,
        numWithoutImage: 3,
        numImagesEncoded: 0,
        numItems: 3,
      });
      expect(await captionsNow()).toEqual({
        lamp: "TEXT: Lamp, Home, Light, Table",
        plain: "TEXT: Plain",
        shirt: "TEXT: Red Shirt",
      });
      const found = await similar.similarItems("lamp", 5);
      expect(found.map(({ itemId }) => itemId).sort()).toEqual(["plain", "shirt"]);
      await db.prisma.user.create({ data: { id: "u" } });
      const retrieved = await retrieval.retrieve("u", "lamp");
      expect(retrieved).toMatchObject({ sourceBlobHash: null, preferenceEmbedding: null });
      expect(retrieved.referenceKeywords).toContain("lamp");
      expect(await indexing.run()).toMatchObject({ numTextCaptions: 0, numCaptionsEncoded: 0 });
    });

    it("are written for a file without images (nopic.csv), and reported", async () => {
      const home = await mkdtemp(join(tmpdir(), "vitrine-nopic-"));
      const items = join(import.meta.dirname, "../../fixtures/inputs/shop/nopic.csv");
      const { prisma } = db;
      await new CatalogueImportService({
        prisma,
        blobs: new BlobStore(new FolderArtefactStore(home)),
        store: new FolderArtefactStore(home),
      }).run(new CatalogueSource({ items }));
      expect(await createProcess().indexing.run()).toMatchObject({
        numTextCaptions: 1,
        numWithoutImage: 1,
        numItems: 1,
      });
      expect(await captionsNow()).toEqual({ 1: "TEXT: Red shirt" });
      await rm(home, { recursive: true });
    });

    it("follow the title, and are replaced by a picture's or the catalogue's caption", async () => {
      await addTexts([
        { id: "a", title: "A" },
        { id: "b", title: "B" },
        { id: "c", title: "C" },
      ]);
      const { indexing } = createProcess();
      await indexing.run();
      await retitle("a", "Another");
      await addItems(["b"]);
      await new ItemsRepository(db.prisma).setImportedCaptions([
        { itemId: "c", text: "written manually" },
      ]);
      expect(await indexing.run()).toMatchObject({
        numCaptioned: 1,
        numTextCaptions: 1,
        numWithoutImage: 2,
      });
      expect(await captionsNow()).toEqual({
        a: "TEXT: Another",
        b: "MODEL: a drawing of b",
        c: "IMPORTED: written manually",
      });
    });

    it("replace a captioner's sentence while it disagrees with the title", async () => {
      await addItems(["a", "b"]);
      await retitle("a", "a drawing of a");
      const { indexing, asked } = createProcess("1", { captionAgreement: 0.4 });
      expect(await indexing.run()).toMatchObject({
        numCaptioned: 1,
        numTextCaptions: 1,
        numWithoutImage: 0,
        numImagesEncoded: 2,
      });
      expect(await captionsNow()).toEqual({ a: "MODEL: a drawing of a", b: "TEXT: Item b" });
      expect(await indexing.run()).toMatchObject({ numCaptioned: 0, numTextCaptions: 0 });
      expect(asked.captions).toBe(2);

      await retitle("a", "Something else");
      await retitle("b", "a drawing of b");
      await indexing.run();
      expect(await captionsNow()).toEqual({
        a: "TEXT: Something else",
        b: "MODEL: a drawing of b",
      });
    });

    it("follow the run's mode: all text, all captioner, or by the rule", async () => {
      await addItems(["a"]);
      await addTexts([{ id: "bare", title: "Bare" }]);
      const { indexing, asked } = createProcess("1", {
        captionMode: "text",
        captionAgreement: 0.4,
      });
      await indexing.run();
      expect(await captionsNow()).toEqual({ a: "TEXT: Item a", bare: "TEXT: Bare" });
      expect(asked.captions).toBe(0);
      await indexing.run({ captions: "model" });
      expect(await captionsNow()).toEqual({ a: "MODEL: a drawing of a", bare: "TEXT: Bare" });
      await indexing.run({ captions: "auto" });
      expect(await captionsNow()).toEqual({ a: "TEXT: Item a", bare: "TEXT: Bare" });
    });

    it("name what is recognised where a pack has no captioner and the text says nothing", async () => {
      const titles = {
        named: "Chaz Hoodie",
        "4711": "4711",
        file: "IMG_2041.jpg",
        code: "SKU 10234-B",
        chinese: "帽子",
      };
      await addItems(Object.keys(titles));
      await addTexts(Object.entries(titles).map(([id, title]) => ({ id, title })));
      const { indexing } = createProcess("1", { hasCaptioner: false });
      expect(await indexing.run()).toMatchObject({ numCaptioned: 3, numTextCaptions: 2 });
      const expected = {
        named: "TEXT: Chaz Hoodie",
        "4711": "RECOGNIZED: a photo of 4711",
        file: "RECOGNIZED: a photo of file",
        code: "RECOGNIZED: a photo of code",
        chinese: "TEXT: 帽子",
      };
      expect(await captionsNow()).toEqual(expected);
      expect(await indexing.run()).toMatchObject({ numCaptioned: 0, numTextCaptions: 0 });
      await addTexts([{ id: "file", title: "Linen blazer" }]); // the shop names it
      await indexing.run();
      expect(await captionsNow()).toEqual({ ...expected, file: "TEXT: Linen blazer" });
      await indexing.run({ captions: "model" });
      expect((await captionsNow()).named).toBe("RECOGNIZED: a photo of named");
      await indexing.run({ captions: "text" });
      expect((await captionsNow())["4711"]).toBe("TEXT: 4711");
    });
  });

  it("applies new, changed and deleted items without rebuilding the index", async () => {
    await addItems(numbered(20));
    const serving = createProcess();
    await serving.indexing.run();
    await addItems(["new"]);
    await db.prisma.item.delete({ where: { id: "i003" } });
    const elsewhere = createProcess();
    await elsewhere.indexing.run();
    expect(await serving.index.sync()).toMatchObject({ numItems: 20, numAdded: 1, numRemoved: 1 });
    const found = await serving.similar.similarItems("new", 50);
    expect(found.map(({ itemId }) => itemId)).not.toContain("i003");
    expect(found).toHaveLength(19);
    statements.length = 0;
    expect(await serving.index.sync()).toMatchObject({
      numItems: 20,
      numAdded: 0,
      numRemoved: 0,
    });
    expect(statements).toHaveLength(1);
  });

  it("loads the stored index at startup, and rebuilds a damaged one from Postgres", async () => {
    await addItems(numbered(20));
    const { indexing, folder } = createProcess();
    await indexing.run();
    const second = createProcess();
    expect(await second.index.sync()).toMatchObject({ numAdded: 0, numItems: 20 });
    const files = (await readdir(folder)).filter(name => !name.startsWith(".")); // .tmp: files being written
    for (const name of files) {
      await writeFile(join(folder, name), "damaged");
    }
    const third = createProcess();
    expect(await third.index.sync()).toMatchObject({ numAdded: 20, numItems: 20 });
    expect(third.asked.texts).toBe(0);
    expect(() => createProcess().index.current).toThrow("The caption index is not built");
  });

  it("encodes everything again on request", async () => {
    await addItems(numbered(5));
    await createProcess().indexing.run();
    expect(await createProcess().indexing.run({ rebuild: true })).toMatchObject({
      numCaptioned: 0,
      numCaptionsEncoded: 5,
      numImagesEncoded: 5,
      numAdded: 5,
    });
  });

  it("compares captions, images and words of the catalogue", async () => {
    await addItems(["a", "b", "c"]);
    const { indexing } = createProcess();
    await indexing.run();
    await db.prisma.item.create({ data: { id: "bare", title: "Bare", isAvailable: false } });
    const embeddings = new EmbeddingsRepository(db.pool);
    const found = await embeddings.findTraits("test/clip@1", ["b", "bare", "nothing"]);
    expect(found).toMatchObject([
      { itemId: "b", isAvailable: true, text: "a drawing of b" },
      { itemId: "bare", isAvailable: false, text: "", image: null },
    ]);
    expect(cosine(found[0].image!, embeddingOf("b"))).toBeCloseTo(1, 6);
    expect(await embeddings.findTraits("test/clip@2", ["b"])).toMatchObject([{ image: null }]);
    const sample = await embeddings.sampleTraits("test/clip@1", 2);
    expect(sample).toHaveLength(2);
    for (const { caption, image, itemId, text } of sample) {
      expect(text).toBe(`a drawing of ${itemId}`);
      expect(cosine(caption, embeddingOf(text))).toBeCloseTo(1, 6);
      expect(cosine(image!, embeddingOf(itemId))).toBeCloseTo(1, 6);
    }
    expect(await embeddings.sampleTraits("test/clip@1", 2)).toEqual(sample);
  });

  it("finds similar available items", async () => {
    await addItems(numbered(60));
    const { indexing, similar } = createProcess();
    await indexing.run();
    const all = await similar.similarItems("i000", 59);
    await db.prisma.item.updateMany({
      where: { id: { in: all.slice(0, 30).map(({ itemId }) => itemId) } },
      data: { isAvailable: false },
    });
    const found = await similar.similarItems("i000", 5);
    expect(found.map(({ itemId }) => itemId)).toEqual(
      all.slice(30, 35).map(({ itemId }) => itemId),
    );
    await expect(similar.similarItems("nothing", 5)).rejects.toMatchObject({
      code: "ITEM_NOT_FOUND",
    });
  });

  describe("retrieval", () => {
    async function addHistory(userId: string, itemIds: readonly string[]) {
      await db.prisma.user.create({ data: { id: userId } });
      await db.prisma.interaction.createMany({
        data: itemIds.map((itemId, n) => ({
          userId,
          itemId,
          kind: "LIKE" as const,
          occurredAt: new Date(Date.UTC(2026, 0, 1, 0, n)),
        })),
      });
    }

    it("weights the most similar items of the latest history", async () => {
      await addItems(numbered(40));
      // i001 occurs twice: only its last time counts; the reference i039 is in the history, and left out.
      await addHistory("u", ["i000", "i001", "i039", ...numbered(25).slice(2), "i001"]);
      const { indexing, retrieval } = createProcess();
      await indexing.run();
      const result = await retrieval.retrieve("u", "i039");

      expect(result.historyItemIds).toEqual([...numbered(25).slice(6), "i001"]);
      expect(result.numNotIndexed).toBe(0);
      const reference = embeddingOf("a drawing of i039");
      const expected = result.historyItemIds
        .map(itemId => ({
          itemId,
          similarity: cosine(embeddingOf(`a drawing of ${itemId}`), reference),
        }))
        .sort((a, b) => b.similarity - a.similarity)
        .slice(0, 5);
      expect(result.retrieved.map(({ itemId }) => itemId)).toEqual(expected.map(e => e.itemId));
      const total = expected.reduce((sum, e) => sum + Math.max(e.similarity, 0), 0);
      result.retrieved.forEach(({ similarity, weight }, n) => {
        expect(similarity).toBeCloseTo(expected[n].similarity, 5);
        expect(weight).toBeCloseTo(Math.max(expected[n].similarity, 0) / total, 5);
      });
      const preference = new Float32Array(D);
      for (const { itemId, weight } of result.retrieved) {
        const image = embeddingOf(itemId);
        const norm = Math.hypot(...image);
        image.forEach((value, d) => (preference[d] += (weight * value) / norm));
      }
      expect(cosine(result.preferenceEmbedding!, preference)).toBeCloseTo(1, 5);
      expect(result.weightEntropy).toBeGreaterThan(0);
      expect(result.preferenceKeywords).toEqual(["drawing", "item", "thing"]);
      expect(result.prompt.startsWith("item i039, thing, drawing")).toBe(true);
    });

    it("needs the same statements for any history, and one when nothing is new", async () => {
      await addItems(numbered(40));
      await addHistory("long", numbered(39));
      await addHistory("short", ["i000"]);
      await createProcess().indexing.run();
      for (const userId of ["long", "short"]) {
        const { retrieval } = createProcess();
        for (const expected of [3, 1]) {
          statements.length = 0;
          await retrieval.retrieve(userId, "i039");
          expect(statements).toHaveLength(expected);
        }
      }
    });

    it("is empty without history, and counts items that are not indexed", async () => {
      await addItems(["a", "b", "c"]);
      const { indexing, retrieval } = createProcess();
      await indexing.run();
      await addItems(["late"]);
      await addHistory("u", ["a", "late"]);
      await addHistory("nobody", []);
      expect(await retrieval.retrieve("nobody", "a")).toMatchObject({
        historyItemIds: [],
        retrieved: [],
        preferenceEmbedding: null,
        preferenceKeywords: [],
        weightEntropy: 0,
      });
      const result = await retrieval.retrieve("u", "b");
      expect(result.retrieved.map(({ itemId }) => itemId)).toEqual(["a"]);
      expect(result.retrieved[0].weight).toBe(1);
      expect(result.numNotIndexed).toBe(1);
      expect(await retrieval.retrieve("u", "late")).toMatchObject({
        retrieved: [],
        referenceCaptionEmbedding: null,
        historyItemIds: ["a"],
      });
      await expect(retrieval.retrieve("u", "nothing")).rejects.toMatchObject({
        code: "ITEM_NOT_FOUND",
      });
      expect(await retrieval.retrieve("somebody", "a")).toMatchObject({
        historyItemIds: [],
        retrieved: [],
        preferenceEmbedding: null,
      });
    });
  });
});
