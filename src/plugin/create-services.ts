/** @file The composition root: creates every service, in the order of the layers. */
import { join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import type { ArtefactStore } from "../db/artefact-store.js";
import type { Database } from "../db/database.js";
import type { ImageGenerator } from "../ml/diffusion/image-generator.js";
import type { ModerationStrategy } from "../ml/moderation/moderation-strategy.js";
import { onTfjsNotice } from "../ml/runtime/tfjs-backend.js";
import type { PersonalizationMethod } from "../recsys/images/personalization-method.js";
import { JobEvents } from "../recsys/jobs/job-events.js";
import { JobService } from "../recsys/jobs/job.service.js";
import type { PictureRanker } from "../recsys/ranking/picture-ranker.js";
import { RankChangeSummaryService } from "../recsys/ranking/rank-change-summary.service.js";
import { choosePack } from "./choose-pack.js";
import { createAdmin } from "./create-admin.js";
import { createAccess, createCatalogue, createImports } from "./create-catalogue.js";
import { createGenerator } from "./create-generator.js";
import { createImages } from "./create-images.js";
import { createImaging } from "./create-imaging.js";
import { createLab } from "./create-lab.js";
import { createModels } from "./create-models.js";
import { createModeration } from "./create-moderation.js";
import { createPersonalizers } from "./create-personalizers.js";
import { createRanking } from "./create-ranking.js";
import { createRetrieval } from "./create-retrieval.js";
import { createStorage } from "./create-storage.js";
import { createStudies } from "./create-studies.js";

export interface ServicesOptions {
  db: Database;
  config: Config;
  logger: Logger;
  /** Where files are kept; default: the folder `config.home`. */
  store?: ArtefactStore;
  /** Moderation of generated images; default: `config.moderation`. */
  moderation?: ModerationStrategy;
  /** What draws images; default: the model pack, in threads. */
  generator?: ImageGenerator;
  /** What conditions served images; default: RAGAR with the active personalizer, else the plain condition. */
  method?: PersonalizationMethod;
  /** What ranks an item by another image; default: the active ranking model. */
  ranker?: PictureRanker;
}

export type Services = Awaited<ReturnType<typeof createServices>>;

/** @throws AppError when the model pack cannot be opened; `MODERATION_UNAVAILABLE`. */
export async function createServices(options: ServicesOptions) {
  const { db, config, logger, moderation = createModeration(config) } = options;
  const storage = createStorage(db, config, options.store);
  const packChoice = await choosePack(storage, config, logger);
  const models = await createModels(packChoice.folder, config);
  onTfjsNotice(({ level, message }) => {
    logger[level](message);
  });
  const { method, ranker } = options;
  const drawing = await createGenerator(config, models.generator, options.generator);
  const { generator } = drawing;
  const imaging = createImaging(storage, models, generator, {
    ...config,
    catalogue: packChoice.verdict,
  });
  const base = { config, logger, storage, models, imaging, moderation, method, ranker };
  const { jobRows } = storage;
  const events = new JobEvents();
  const queueing = { events, jobs: new JobService({ jobs: jobRows, events }) };
  const finding = await createRetrieval(base);
  const ranking = createRanking({ ...base, ...finding });
  const personalizing = createPersonalizers({ ...base, ...ranking });
  const parts = { ...base, ...queueing, ...finding, ...ranking, ...personalizing };
  const { remoteImages, ...catalogue } = createCatalogue(parts);
  const imageServices = createImages(parts);
  const { planner } = imageServices;
  const { audit, blobs, catalog, gallery, home, images, rankChanges, rejections, store } = storage;
  const { users, versions } = storage;
  return {
    ...queueing,
    ...finding,
    ...ranking,
    ...personalizing,
    ...imageServices,
    ...createLab({ ...parts, planner }),
    ...createStudies({ ...parts, planner }),
    ...catalogue,
    access: createAccess(storage, config),
    imports: createImports(storage),
    rankChangeSummaries: new RankChangeSummaryService({ requests: rankChanges, versions }),
    ...createAdmin(db, parts),
    audit,
    blobs,
    catalog,
    gallery,
    images,
    rejections,
    isOnlyProcess: db.kind === "embedded",
    jobRows,
    rankChanges,
    interactionRows: storage.interactions,
    store,
    users,
    models,
    packChoice,
    importsFolder: join(home, "imports"),
    isOffline: config.isOffline,
    publicUrl: config.publicUrl,
    renderThreads: config.renderThreads,
    /** Frees models and threads. The database stays open for the caller that opened it. */
    async close() {
      await moderation.dispose();
      await remoteImages.close();
      await drawing.close();
      await models.close();
    },
  };
}
