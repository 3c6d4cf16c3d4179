/** @file The service methods that the resolvers call. */
import type { CatalogQueries } from "../db/catalog-queries.js";
import type { PageRequest } from "../db/keyset.js";
import type { RankChangesRepository } from "../db/rank-changes.repository.js";
import type {
  InteractionKind,
  JobKind,
  JobRow,
  PersonalizedImageRow,
  PersonalizerVersionRow,
  RankingModelVersionRow,
} from "../db/rows.js";
import type { AppError } from "../errors/app-error.js";
import type { AccessService } from "../recsys/access/access.service.js";
import type { CatalogueChangesService } from "../recsys/catalogue/catalogue-changes.service.js";
import type { UserErasureService } from "../recsys/catalogue/user-erasure.service.js";
import type {
  GenerationKnobs,
  PersonalizeOptions,
  PersonalizeOutcome,
  RequestOrigin,
} from "../recsys/images/personalization.service.js";
import type { RankChangeSummaryService } from "../recsys/ranking/rank-change-summary.service.js";
import type { RecommendationSource } from "../schema/enums.js";

/** A job and its position among the queued ones of its kind, 1 is next; null if it is not queued. */
export type WatchedJob = JobRow & { queuePosition: number | null };

/** The versions of one kind of model. */
interface ServedVersions<Version> {
  findPage(page: PageRequest<Date>): Promise<Version[]>;
  activate(id: string): Promise<Version>;
  rollback(): Promise<Version>;
}

export interface ApiServices {
  access: Pick<
    AccessService,
    "authenticate" | "issueShopperToken" | "createKey" | "revokeKey" | "findKeys"
  >;
  catalog: CatalogQueries;
  catalogue: Pick<CatalogueChangesService, "upsert" | "remove">;
  erasure: Pick<UserErasureService, "deleteUser">;
  rankChanges: RankChangesRepository;
  rankChangeSummaries: Pick<RankChangeSummaryService, "summarize">;
  images: { findById(id: string): Promise<PersonalizedImageRow | null> };
  personalization: {
    request(
      userId: string,
      itemId: string,
      options?: PersonalizeOptions,
      origin?: RequestOrigin,
    ): Promise<PersonalizeOutcome>;
    /** In the order of `itemIds`; an item's error is in its entry. */
    requestMany(
      userId: string,
      itemIds: readonly string[],
      knobs?: GenerationKnobs,
      origin?: RequestOrigin,
    ): Promise<(PersonalizeOutcome | AppError)[]>;
    /** In the order of `itemIds`; starts no generation. */
    findStored(
      userId: string,
      itemIds: readonly string[],
    ): Promise<(PersonalizedImageRow | null)[]>;
  };
  jobs: {
    request(
      kind: JobKind,
      payload: object,
      about?: { dedupeKey?: string; userId?: string; itemId?: string },
    ): Promise<JobRow>;
    get(id: string): Promise<WatchedJob>;
    cancel(id: string): Promise<JobRow>;
    watch(id: string, signal?: AbortSignal): AsyncIterable<WatchedJob>;
  };
  recommendations: {
    recommend(
      userId: string,
      k: number,
      options: {
        excludeSeen?: boolean;
        seen?: Partial<Record<InteractionKind, number>>;
        category?: string | null;
        onlyAvailable?: boolean;
      },
    ): Promise<{
      items: readonly { itemId: string; score: number; rank: number; isNew: boolean }[];
      source: RecommendationSource;
    }>;
  };
  similar: {
    similarItems(
      itemId: string,
      k: number,
    ): Promise<readonly { itemId: string; similarity: number }[]>;
  };
  rankers: ServedVersions<RankingModelVersionRow>;
  personalizers: ServedVersions<PersonalizerVersionRow>;
  interactions: {
    record(
      rows: readonly {
        userId: string;
        itemId: string;
        kind: InteractionKind;
        weight?: number | null;
        /** Time as received. */
        occurredAt: unknown;
      }[],
    ): Promise<{
      accepted: number;
      duplicates: number;
      rejected: readonly { index: number; code: string; message: string }[];
    }>;
    /** Number of removed interactions. */
    remove(filter: {
      userId: string;
      itemId: string;
      kinds?: readonly InteractionKind[];
      since?: Date;
      before?: Date;
    }): Promise<number>;
  };
  /** Public base URL of the API without a trailing slash; empty for relative URLs. */
  publicUrl: string;
  /** Folder whose subfolders the API may import. */
  importsFolder: string;
}
