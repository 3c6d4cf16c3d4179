/** @file Makes every service by hand, in the order of the layers: who gets what can be read off one screen. */
import { join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import { ApiKeysRepository } from "../db/api-keys.repository.js";
import { BlobStore } from "../db/blob-store.js";
import { CaptionsRepository } from "../db/captions.repository.js";
import { CatalogQueries } from "../db/catalog-queries.js";
import type { Database } from "../db/database.js";
import { EmbeddingsRepository } from "../db/embeddings.repository.js";
import { ErasureRepository } from "../db/erasure.repository.js";
import { decodeRgb, encodeGeneratedPng, encodePng, resizeForServing } from "../db/image-codec.js";
import { InteractionsRepository } from "../db/interactions.repository.js";
import { ItemsRepository } from "../db/items.repository.js";
import { JobQueue } from "../db/job-queue.js";
import { JobsRepository } from "../db/jobs.repository.js";
import { PersonalizedImagesRepository } from "../db/personalized-images.repository.js";
import { RankChangesRepository } from "../db/rank-changes.repository.js";
import { RankingModelVersionsRepository } from "../db/ranking-model-versions.repository.js";
import { RankingQueries } from "../db/ranking-queries.js";
import { RetrievalRepository } from "../db/retrieval.repository.js";
import { ShopLanguageRepository } from "../db/shop-language.repository.js";
import { loadTokenSecret } from "../db/token-secret.js";
import { UsersRepository } from "../db/users.repository.js";
import type { ClipEncoder } from "../ml/clip/clip-encoder.js";
import { qualityVerdict } from "../ml/diffusion/quality-gate.js";
import type { ModerationStrategy } from "../ml/moderation/moderation-strategy.js";
import type { RgbImage } from "../ml/nn/rgb-image.js";
import { onTfjsNotice } from "../ml/runtime/tfjs-backend.js";
import { AccessService } from "../recsys/access/access.service.js";
import { ShopperTokens } from "../recsys/access/shopper-tokens.js";
import { CatalogueChangesService } from "../recsys/catalogue/catalogue-changes.service.js";
import { requestIndexing } from "../recsys/catalogue/request-indexing.js";
import { UserErasureService } from "../recsys/catalogue/user-erasure.service.js";
import { GenerationPlanner } from "../recsys/images/generation-plan.js";
import { ImageFiles } from "../recsys/images/image-files.js";
import { ImageGenerationService } from "../recsys/images/image-generation.service.js";
import { PersonalizationService } from "../recsys/images/personalization.service.js";
import { ScoringService } from "../recsys/images/scoring.service.js";
import { CatalogueImportService } from "../recsys/import/catalogue-import.service.js";
import { RemoteImages } from "../recsys/import/remote-image.js";
import { InteractionRecordingService } from "../recsys/interactions/interaction-recording.service.js";
import { JobEvents } from "../recsys/jobs/job-events.js";
import { JobService } from "../recsys/jobs/job.service.js";
import { ContentLikeness } from "../recsys/ranking/content-likeness.js";
import { RankChangeSummaryService } from "../recsys/ranking/rank-change-summary.service.js";
import { IndexingService, modelId } from "../recsys/retrieval/indexing.service.js";
import { LiveCaptionIndex } from "../recsys/retrieval/live-caption-index.js";
import { PROMPT_VERSION } from "../recsys/retrieval/prompt.js";
import { RetrievalService } from "../recsys/retrieval/retrieval.service.js";
import { ShopLanguageService } from "../recsys/retrieval/shop-language.service.js";
import { SimilarItemsService } from "../recsys/retrieval/similar-items.service.js";
import { createGenerationLimits } from "./create-generation-limits.js";
import { createModels } from "./create-models.js";
import { createModeration } from "./create-moderation.js";
import { createPersonalizers } from "./create-personalizers.js";
import { createRanking } from "./create-ranking.js";
import { lazy } from "./lazy.js";

/** Denoising steps between two previews. */
const PREVIEW_INTERVAL = 4;

export interface ServicesOptions {
  db: Database;
  config: Config;
  logger: Logger;
  /** Whether drawn pictures may be shown to anybody; default: as `config.moderation` says. */
  moderation?: ModerationStrategy;
}

export type Services = Awaited<ReturnType<typeof createServices>>;

/** @throws AppError when the model pack cannot be opened; `MODERATION_UNAVAILABLE`. */
export async function createServices({
  db,
  config,
  logger,
  moderation = createModeration(config),
}: ServicesOptions) {
  const { prisma, pool } = db;
  const { feedback, home } = config;

  // ── layer 1: storage and models ──
  const blobs = new BlobStore(home);
  const users = new UsersRepository(prisma);
  const items = new ItemsRepository(prisma);
  const interactions = new InteractionsRepository(prisma);
  const captions = new CaptionsRepository(pool);
  const embeddings = new EmbeddingsRepository(pool);
  const retrievalRows = new RetrievalRepository(pool, {
    rules: feedback,
    readsStrengths: config.preferenceWeights === "similarity-and-strength",
  });
  const images = new PersonalizedImagesRepository(prisma, pool);
  const versions = new RankingModelVersionsRepository(prisma);
  const jobRows = new JobsRepository(pool);
  const catalog = new CatalogQueries(prisma);
  const rankChanges = new RankChangesRepository(prisma);
  const rankingQueries = new RankingQueries(pool, feedback);
  const models = await createModels(config);
  onTfjsNotice(({ level, message }) => {
    logger[level](message);
  });
  const encoder = modelId(models.encoder);
  const generator = { generator: models.generator, promptVersion: PROMPT_VERSION };

  // ── jobs ──
  const events = new JobEvents();
  const queue = new JobQueue({
    pool,
    jobs: jobRows,
    isOnlyProcess: db.kind === "embedded",
    onError: error => {
      logger.error({ err: error }, "the job queue's upkeep failed; it goes on");
    },
    onGivenUp: ({ id: jobId, kind, userId, itemId, errorMessage }) => {
      logger.error({ jobId, kind, userId, itemId, errorMessage }, "a job failed");
    },
  });
  const jobs = new JobService({ jobs: jobRows, queue, events });

  // ── retrieval ──
  const index = new LiveCaptionIndex({
    encoder,
    dimension: models.encoder.dimension,
    folder: join(home, "index"),
    embeddings,
  });
  const retrieval = new RetrievalService({ encoder, rows: retrievalRows });
  const similar = new SimilarItemsService({
    index,
    items: {
      existing: ids => items.existing(ids),
      findAvailable: ids => embeddings.findAvailable(ids),
    },
  });
  const codec = { blobs, decode: decodeRgb, encode: encodePng };
  const indexing = lazy(
    async () =>
      new IndexingService({
        // Loaded when it is asked: captions of text need none.
        captioner: {
          name: `${models.pack.name}/captioner`,
          version: models.pack.versionOf("captioner"),
          caption: async batch => (await models.captioner()).caption(batch),
        },
        clip: await models.clip(),
        imageFiles: { loadRgb: hash => new ImageFiles(codec).load(hash) },
        captions,
        language: new ShopLanguageService({
          texts: new ShopLanguageRepository(pool),
          configured: config.language,
        }),
        captionMode: config.captions,
        captionAgreement: models.pack.manifest?.captionAgreement,
        embeddings,
        index,
      }),
  );

  // ── ranking ──
  const { rankers, recommendations, rankerTraining } = createRanking({
    config,
    logger,
    encoder,
    interactions,
    rankingQueries,
    versions,
    content: new ContentLikeness(index),
  });

  // ── generation ──
  const generatedCodec = {
    ...codec,
    encode: (image: RgbImage) => encodeGeneratedPng(image, models.generator),
  };
  const imageFiles = new ImageFiles(generatedCodec, models.pipelineConfig);
  const clip: Pick<ClipEncoder, "encodeImages" | "encodeTexts"> = {
    encodeImages: async batch => (await models.clip()).encodeImages(batch),
    encodeTexts: async texts => (await models.clip()).encodeTexts(texts),
  };
  const personalizing = createPersonalizers({
    db,
    home,
    models,
    encoder,
    retrievalRows,
    interactions,
    versions,
    rankers,
    imageFiles,
    clip,
  });
  const planner = new GenerationPlanner({
    retrieval,
    rankers,
    personalizers: personalizing.personalizers,
    ...generator,
    moderation: moderation.name,
  });
  const personalization = new PersonalizationService({
    planner,
    items,
    images,
    jobs,
    ...createGenerationLimits({ pool, jobs: jobRows, budget: config.budget, ...models }),
  });
  const generation = new ImageGenerationService({
    planner,
    imageFiles,
    renderer: {
      render: async (request, hooks) =>
        (await models.renderPool()).render(request, {
          ...hooks,
          // A preview is shown before it can be moderated.
          previewInterval: moderation.name === "" ? PREVIEW_INTERVAL : 0,
        }),
    },
    clip,
    ranking: recommendations,
    gate: qualityVerdict,
    moderation,
    conditioner: personalizing.conditioner,
    images,
    ...generator,
  });
  const scoring = new ScoringService({
    rankers,
    images,
    imageFiles: new ImageFiles(codec),
    clip,
    ranking: recommendations,
  });

  // ── changes by the shop ──
  const erasing = {
    blobs,
    erasure: new ErasureRepository(prisma),
    stopJobs: (jobIds: readonly string[]) => {
      jobIds.forEach(id => {
        events.emit("cancelRequested", id);
      });
    },
  };
  const remoteImages = new RemoteImages({ isOffline: config.isOffline });

  return {
    ...personalizing,
    access: new AccessService({
      apiKeys: new ApiKeysRepository(prisma),
      tokens: new ShopperTokens(config.tokenSecret ?? loadTokenSecret(home)),
    }),
    blobs,
    catalog,
    catalogue: new CatalogueChangesService({
      ...erasing,
      prisma,
      index,
      fetchImage: (url, signal) => remoteImages.fetch(url, signal),
      requestIndexing: () => requestIndexing(jobs),
    }),
    erasure: new UserErasureService({
      ...erasing,
      forget: userId => {
        recommendations.forget(userId);
      },
    }),
    events,
    generation,
    images,
    imports: new CatalogueImportService({ prisma, blobs, home }),
    importsFolder: join(home, "imports"),
    index,
    indexing,
    isOffline: config.isOffline,
    interactions: new InteractionRecordingService({
      users,
      items,
      interactions,
      onChanged: userIds => {
        recommendations.refresh(userIds).catch((error: unknown) => {
          logger.warn({ err: error }, "rankings could not be made anew; the next request will");
        });
      },
    }),
    jobs,
    scoring,
    models,
    personalization,
    publicUrl: config.publicUrl,
    queue,
    rankChanges,
    rankChangeSummaries: new RankChangeSummaryService({ requests: rankChanges, versions }),
    rankerTraining,
    rankers,
    recommendations,
    renderThreads: config.renderThreads,
    resize: resizeForServing,
    similar,
    /** Frees models and threads; the database is whoever's opened it. */
    async close() {
      await moderation.dispose();
      await remoteImages.close();
      await models.close();
    },
  };
}
