/** @file Services for the shop's data: keys, imports, changes of items and users, interactions. */
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import { loadTokenSecret } from "../db/token-secret.js";
import { VariantsRepository } from "../db/variants.repository.js";
import { AccessService } from "../recsys/access/access.service.js";
import { ShopperTokens } from "../recsys/access/shopper-tokens.js";
import { CatalogueChangesService } from "../recsys/catalogue/catalogue-changes.service.js";
import { requestIndexing } from "../recsys/catalogue/request-indexing.js";
import { UserErasureService } from "../recsys/catalogue/user-erasure.service.js";
import { UserOptOutService } from "../recsys/catalogue/user-opt-out.service.js";
import { CatalogueImportService } from "../recsys/import/catalogue-import.service.js";
import { RemoteImages } from "../recsys/import/remote-image.js";
import { InteractionRecordingService } from "../recsys/interactions/interaction-recording.service.js";
import type { JobEvents } from "../recsys/jobs/job-events.js";
import type { JobService } from "../recsys/jobs/job.service.js";
import type { RecommendationService } from "../recsys/ranking/recommendation.service.js";
import type { RerankedLists } from "../recsys/ranking/reranked-lists.js";
import type { LiveCaptionIndex } from "../recsys/retrieval/live-caption-index.js";
import type { Storage } from "./create-storage.js";

export function createAccess(
  {
    apiKeys,
    home,
    studyParticipants: participants,
  }: Pick<Storage, "apiKeys" | "home" | "studyParticipants">,
  { tokenSecret }: Pick<Config, "tokenSecret">,
): AccessService {
  return new AccessService({
    apiKeys,
    participants,
    tokens: new ShopperTokens(tokenSecret ?? loadTokenSecret(home)),
  });
}

export function createImports({
  blobs,
  prisma,
  store,
}: Pick<Storage, "blobs" | "prisma" | "store">) {
  return new CatalogueImportService({ prisma, blobs, store });
}

interface Parts {
  storage: Storage;
  config: Pick<Config, "isOffline">;
  logger: Pick<Logger, "warn">;
  events: JobEvents;
  jobs: JobService;
  index: LiveCaptionIndex;
  recommendations: RecommendationService;
  rerankedLists: RerankedLists;
}

export function createCatalogue(parts: Parts) {
  const { events, index, jobs, logger, recommendations } = parts;
  const { blobs, erasure, interactions, items, prisma, users } = parts.storage;
  const erasing = {
    blobs,
    erasure,
    stopJobs: (jobIds: readonly string[]) => {
      jobIds.forEach(id => {
        events.emit("cancelRequested", id);
      });
    },
  };
  const onChanged = (userIds: readonly string[]) => {
    recommendations.refresh(userIds).catch((error: unknown) => {
      logger.warn({ err: error }, "rankings could not be refreshed; the next request does it");
    });
  };
  const remoteImages = new RemoteImages(parts.config);
  return {
    remoteImages,
    catalogue: new CatalogueChangesService({
      ...erasing,
      prisma,
      index,
      fetchImage: (url, signal) => remoteImages.fetch(url, signal),
      requestIndexing: () => requestIndexing(jobs),
    }),
    erasure: new UserErasureService({
      ...erasing,
      rerankedLists: parts.rerankedLists,
      forget: userId => {
        recommendations.forget(userId);
      },
      onChanged,
    }),
    optOuts: new UserOptOutService({
      users,
      jobs,
      forget: userId => {
        recommendations.forget(userId);
      },
    }),
    interactions: new InteractionRecordingService({
      users,
      items,
      variants: new VariantsRepository(prisma),
      interactions,
      onChanged,
    }),
  };
}
