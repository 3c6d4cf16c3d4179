/** @file The whole API over a small catalogue: real schema, resolvers, loaders, repositories and jobs; models are fakes. */
import { createHash, randomUUID } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApolloServer } from "@apollo/server";
import pino from "pino";
import sharp from "sharp";
import { ApiKeysRepository } from "../../../src/db/api-keys.repository.js";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { AuditRepository } from "../../../src/db/audit.repository.js";
import { BlobStore } from "../../../src/db/blob-store.js";
import { CatalogQueries } from "../../../src/db/catalog-queries.js";
import type { Database } from "../../../src/db/database.js";
import { ErasureRepository } from "../../../src/db/erasure.repository.js";
import { ImageGalleryRepository } from "../../../src/db/image-gallery.repository.js";
import { ImageRejectionsRepository } from "../../../src/db/image-rejections.repository.js";
import { ImportRunsRepository } from "../../../src/db/import-runs.repository.js";
import { InteractionsRepository } from "../../../src/db/interactions.repository.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import { JobsRepository } from "../../../src/db/jobs.repository.js";
import { OverviewRepository } from "../../../src/db/overview.repository.js";
import { PersonalizedImagesRepository } from "../../../src/db/personalized-images.repository.js";
import { RankChangesRepository } from "../../../src/db/rank-changes.repository.js";
import type { ApiKeyRole, ItemRow } from "../../../src/db/rows.js";
import { StudiesRepository } from "../../../src/db/studies.repository.js";
import { StudyParticipantsRepository } from "../../../src/db/study-participants.repository.js";
import { UserRecordsRepository } from "../../../src/db/user-records.repository.js";
import { UsersRepository } from "../../../src/db/users.repository.js";
import { VariantsRepository } from "../../../src/db/variants.repository.js";
import { personalizerVersions, rankingModelVersions } from "../../../src/db/versions.repository.js";
import { AppError } from "../../../src/errors/app-error.js";
import { createContextFactory } from "../../../src/plugin/context.js";
import { createSchema } from "../../../src/plugin/create-schema.js";
import { logFault } from "../../../src/plugin/format-error.js";
import { AccessService } from "../../../src/recsys/access/access.service.js";
import { ShopperTokens } from "../../../src/recsys/access/shopper-tokens.js";
import { UserRecordsService } from "../../../src/recsys/access/user-records.service.js";
import { CatalogueChangesService } from "../../../src/recsys/catalogue/catalogue-changes.service.js";
import { requestIndexing } from "../../../src/recsys/catalogue/request-indexing.js";
import { UserErasureService } from "../../../src/recsys/catalogue/user-erasure.service.js";
import { UserOptOutService } from "../../../src/recsys/catalogue/user-opt-out.service.js";
import { ImageRejectionService } from "../../../src/recsys/images/image-rejection.service.js";
import type { PersonalizeOutcome } from "../../../src/recsys/images/personalization.service.js";
import { ImportHistoryService } from "../../../src/recsys/import/import-history.service.js";
import { InteractionRecordingService } from "../../../src/recsys/interactions/interaction-recording.service.js";
import { JobEvents } from "../../../src/recsys/jobs/job-events.js";
import { JobService } from "../../../src/recsys/jobs/job.service.js";
import { ResultFiles } from "../../../src/recsys/lab/experiments/result-files.js";
import { RankChangeSummaryService } from "../../../src/recsys/ranking/rank-change-summary.service.js";
import { ParticipationService } from "../../../src/recsys/studies/participation.service.js";
import { StudyService } from "../../../src/recsys/studies/study.service.js";
import type { RequestContext } from "../../../src/resolvers/context.js";
import type { ApiServices } from "../../../src/resolvers/services.js";
import { createApollo } from "../../../src/server/create-apollo.js";

export const tokenSecret = "a secret of at least thirty-two characters";

export interface Answer<Data = Record<string, never>> {
  data: Data | null | undefined;
  errors: readonly {
    message: string;
    path?: readonly unknown[];
    extensions?: Record<string, unknown>;
  }[];
  status: number | undefined;
}

/** Number of items and users that `seed()` creates, and of images of each item for each user. */
export const numItems = 24;
export const users = ["anna", "ben"] as const;

/** The answers of the fakes below; tests may change them. */
export interface Answers {
  outcome: (userId: string, itemId: string) => Promise<PersonalizeOutcome>;
  /** Calls of `findStored`. */
  numStoredReads: number;
  /** The picture at an address. */
  image: (url: string) => Promise<Uint8Array>;
  /** Called when removed items leave the index. */
  synced: () => void;
  /** Called with a user to erase. */
  forgotten: (userId: string) => void;
}

export class Api {
  readonly keys = {} as Record<ApiKeyRole, string>;
  readonly logged: unknown[] = [];
  versionId = randomUUID();
  /** Content hash of every catalogue picture. */
  blobHash = "";
  importsFolder = "";

  private constructor(
    private readonly parts: {
      db: Database;
      services: ApiServices;
      blobs: BlobStore;
      jobRows: JobsRepository;
      events: JobEvents;
      answers: Answers;
    },
  ) {}

  get db() {
    return this.parts.db;
  }
  get services() {
    return this.parts.services;
  }
  get blobs() {
    return this.parts.blobs;
  }
  get jobRows() {
    return this.parts.jobRows;
  }
  get events() {
    return this.parts.events;
  }
  get answers() {
    return this.parts.answers;
  }

  static async create(db: Database): Promise<Api> {
    const home = await mkdtemp(join(tmpdir(), "vitrine-api-"));
    const { prisma, pool } = db;
    const jobRows = new JobsRepository(pool);
    const events = new JobEvents();
    const images = new PersonalizedImagesRepository(prisma, pool);
    const items = new ItemsRepository(prisma);
    const answers: Answers = {
      numStoredReads: 0,
      image: url => Promise.reject(new AppError("FETCH_FAILED", { url, reason: "HTTP 404" })),
      synced: () => undefined,
      forgotten: () => undefined,
      outcome: async (userId, itemId) => {
        const image = await prisma.personalizedImage.findFirst({ where: { userId, itemId } });
        if (!image) {
          throw new AppError("ITEM_NOT_FOUND", { itemId });
        }
        return { kind: "image", image, cached: true };
      },
    };
    const store = new FolderArtefactStore(home);
    const blobs = new BlobStore(store);
    const erasing = {
      blobs,
      erasure: new ErasureRepository(prisma),
      stopJobs: (jobIds: readonly string[]) => {
        jobIds.forEach(id => {
          events.emit("cancelRequested", id);
        });
      },
    };
    const jobs = new JobService({ jobs: jobRows, events });
    const studies = new StudiesRepository(prisma);
    const participants = new StudyParticipantsRepository(prisma);
    const services: ApiServices = {
      catalogue: new CatalogueChangesService({
        ...erasing,
        prisma,
        fetchImage: url => answers.image(url),
        index: { sync: async () => answers.synced() },
        requestIndexing: () => requestIndexing(jobs),
      }),
      erasure: new UserErasureService({
        ...erasing,
        rerankedLists: { erase: async () => undefined },
        forget: userId => answers.forgotten(userId),
        onChanged: () => undefined,
      }),
      optOuts: new UserOptOutService({
        users: new UsersRepository(prisma),
        jobs,
        forget: userId => answers.forgotten(userId),
      }),
      access: new AccessService({
        apiKeys: new ApiKeysRepository(prisma),
        participants,
        tokens: new ShopperTokens(tokenSecret),
      }),
      audit: new AuditRepository(prisma),
      gallery: new ImageGalleryRepository(prisma, pool),
      imageRejections: new ImageRejectionService({
        rejections: new ImageRejectionsRepository(prisma),
      }),
      catalog: new CatalogQueries(prisma, pool),
      rankChanges: new RankChangesRepository(prisma, pool),
      overview: { read: since => new OverviewRepository(pool).read("test/clip@1", since) },
      userList: new UserRecordsRepository(prisma),
      userRecords: new UserRecordsService({ records: new UserRecordsRepository(prisma) }),
      importHistory: new ImportHistoryService({ runs: new ImportRunsRepository(prisma), store }),
      resultFiles: new ResultFiles(store),
      packs: async () => [],
      versionComparison: {
        compare: versionId =>
          Promise.reject(new AppError("MODEL_VERSION_NOT_FOUND", { versionId })),
      },
      rankChangeSummaries: new RankChangeSummaryService({
        requests: new RankChangesRepository(prisma, pool),
        versions: rankingModelVersions(prisma),
      }),
      images,
      personalization: {
        request: (userId, itemId) => answers.outcome(userId, itemId),
        requestMany: (userId, itemIds) =>
          Promise.all(
            itemIds.map(async itemId =>
              answers.outcome(userId, itemId).catch((error: unknown) => {
                if (error instanceof AppError) {
                  return error;
                }
                throw error;
              }),
            ),
          ),
        findStored: async (userId, itemIds) => {
          answers.numStoredReads++;
          const found = await prisma.personalizedImage.findMany({
            where: { userId, itemId: { in: [...itemIds] }, seed: 1 },
          });
          return itemIds.map(id => found.find(({ itemId }) => itemId === id) ?? null);
        },
      },
      jobs,
      recommendations: {
        recommend: async (_userId, k) => ({
          items: Array.from({ length: Math.min(k, numItems) }, (_, place) => ({
            itemId: itemId(place),
            score: -place,
            rank: place + 1,
            isNew: false,
          })),
          source: "RANKER",
        }),
      },
      similar: {
        similarItems: async (_itemId, k) =>
          Array.from({ length: Math.min(k, 5) }, (_, place) => ({
            itemId: itemId(place),
            similarity: 1 - place / 10,
          })),
      },
      rankers: {
        findPage: page => rankingModelVersions(prisma).findPage(page),
        activate: versionId =>
          Promise.reject(new AppError("MODEL_VERSION_NOT_FOUND", { versionId })),
        rollback: () => Promise.reject(new Error("the password of the database is hunter2")),
      },
      personalizers: {
        findPage: page => personalizerVersions(prisma).findPage(page),
        activate: versionId =>
          Promise.reject(new AppError("PERSONALIZER_NOT_FOUND", { versionId })),
        rollback: () => Promise.reject(new AppError("NOTHING_TO_ROLL_BACK")),
      },
      interactions: new InteractionRecordingService({
        users: new UsersRepository(prisma),
        items,
        variants: new VariantsRepository(prisma),
        interactions: new InteractionsRepository(prisma),
      }),
      studies: new StudyService({ studies }),
      participation: new ParticipationService({ studies, participants }),
      publicUrl: "",
      importsFolder: join(home, "imports"),
    };
    const api = new Api({ db, services, blobs, jobRows, events, answers });
    api.importsFolder = services.importsFolder;
    await api.seed();
    return api;
  }

  /** A server without HTTP, and a function that queries it. */
  async execute(): Promise<Execute> {
    const apollo: ApolloServer<RequestContext> = createApollo(
      await createSchema(this.services, logFault(this.logger())),
      this.logger(),
    );
    const createContext = createContextFactory(this.services);
    return async (query, { as, variables } = {}) => {
      const key = as !== undefined && as in this.keys ? this.keys[as as ApiKeyRole] : as;
      const contextValue = await createContext(key && `Bearer ${key}`);
      const { body, http } = await apollo.executeOperation({ query, variables }, { contextValue });
      if (body.kind !== "single") {
        throw new Error("expected one answer");
      }
      const { data, errors = [] } = JSON.parse(JSON.stringify(body.singleResult)) as Answer<never>;
      return { data, errors: errors ?? [], status: http.status };
    };
  }

  /** Collects logged errors. */
  logger() {
    const { logged } = this;
    return pino(
      { level: "error" },
      {
        write: (line: string) => {
          logged.push(JSON.parse(line));
        },
      },
    );
  }

  private async seed(): Promise<void> {
    const { prisma } = this.db;
    for (const role of ["STOREFRONT", "RECOMMENDER", "ADMIN"] as const) {
      this.keys[role] = (await this.services.access.createKey(role, role)).key;
    }
    const png = await sharp({
      create: { width: 320, height: 240, channels: 3, background: "teal" },
    })
      .png()
      .toBuffer();
    this.blobHash = await this.blobs.put(png);
    await prisma.blob.create({
      data: {
        hash: this.blobHash,
        mediaType: "image/png",
        sizeBytes: png.length,
        widthPixels: 320,
        heightPixels: 240,
      },
    });
    await prisma.rankingModelVersion.create({
      data: {
        id: this.versionId,
        algorithm: "MICRO",
        state: "READY",
        isActive: true,
        config: { dimension: 64 },
        seed: 1,
        metrics: { "test recall@10": 0.25 },
        artefactPath: "rankers/1",
        activatedAt: new Date(),
      },
    });
    await prisma.user.createMany({ data: users.map(id => ({ id })) });
    const ids = Array.from({ length: numItems }, (_, index) => itemId(index));
    const createdAt = (index: number) =>
      new Date(Date.UTC(2026, 0, 1, 0, 0, Math.floor(index / 3)));
    await prisma.item.createMany({
      data: ids.map((id, index): Omit<ItemRow, "updatedAt"> => ({
        id,
        title: `Item ${index}`,
        description: "",
        category: index % 2 === 0 ? "even" : "odd",
        keywords: ["sticker"],
        isAvailable: true,
        attribution: null,
        createdAt: createdAt(index), // three items share each time, as after a bulk import
      })),
    });
    await prisma.itemImage.createMany({
      data: ids.map(id => ({ itemId: id, blobHash: this.blobHash, source: `${id}.png` })),
    });
    await prisma.caption.createMany({
      data: ids.map(id => ({
        itemId: id,
        text: `a picture of ${id}`,
        source: "IMPORTED" as const,
      })),
    });
    await prisma.interaction.createMany({
      data: ids.map((id, index) => ({
        userId: "anna",
        itemId: id,
        kind: "LIKE" as const,
        occurredAt: createdAt(index),
      })),
    });
    const imageRows = ids.flatMap((id, index) =>
      users.flatMap(userId => [0, 1].map(seed => this.imageRow(id, userId, index, seed))),
    );
    await prisma.personalizedImage.createMany({ data: imageRows });
    await prisma.rankChange.createMany({
      data: imageRows.map(({ id, createdAt: at }, index) => {
        const rankBefore = 10 + (index % 5);
        const rankAfter = 8 + (index % 7);
        return {
          id: randomUUID(),
          personalizedImageId: id,
          rankingModelVersionId: this.versionId,
          rankBefore,
          rankAfter,
          scoreBefore: 0.1,
          scoreAfter: 0.2,
          numRanked: 100,
          deltaR: (rankBefore - rankAfter) / (1 + rankBefore),
          createdAt: at,
        };
      }),
    });
  }

  private imageRow(id: string, userId: string, index: number, seed: number) {
    return {
      id: randomUUID(),
      requestKey: createHash("sha256").update(`${id} ${userId} ${seed}`).digest("hex"),
      userId,
      itemId: id,
      blobHash: this.blobHash,
      sourceBlobHash: this.blobHash,
      seed,
      generator: "mini@1",
      promptVersion: "1",
      provenance: {
        retrieved: [{ itemId: itemId((index + 1) % numItems), similarity: 0.9, weight: 1 }],
        weightEntropy: 0,
        referenceKeywords: ["sticker"],
        preferenceKeywords: ["teal"],
        prompt: "a teal sticker",
        options: { seed, strength: 0.7, guidanceScale: 2, numSteps: 12, numCandidates: 1 },
        chosenCandidate: 0,
        candidates: [
          { score: 1, rank: 2, captionSimilarity: 0.3, imageSimilarity: 0.8, faults: [] },
        ],
      },
      captionSimilarity: 0.3,
      imageSimilarity: 0.8,
      generationSeconds: 2,
      createdAt: new Date(Date.UTC(2026, 1, 1, 0, index, seed)),
    };
  }
}

export type Execute = <Data = Record<string, never>>(
  query: string,
  options?: { as?: string; variables?: Record<string, unknown> },
) => Promise<Answer<Data>>;

export const itemId = (index: number) => `item-${String(index).padStart(2, "0")}`;
