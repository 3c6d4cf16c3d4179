/** @file The service methods that the resolvers call. */
import type { AuditRepository } from "../db/audit.repository.js";
import type { CatalogQueries } from "../db/catalog-queries.js";
import type { ImageGalleryRepository } from "../db/image-gallery.repository.js";
import type { PageRequest } from "../db/keyset.js";
import type { Overview } from "../db/overview.repository.js";
import type { RankChangesRepository } from "../db/rank-changes.repository.js";
import type {
  PersonalizedImageRow,
  PersonalizerVersionRow,
  RankingModelVersionRow,
} from "../db/rows.js";
import type { UserRecordsRepository } from "../db/user-records.repository.js";
import type { KnownPack } from "../ml/packs/known-packs.js";
import type { AccessService } from "../recsys/access/access.service.js";
import type { UserRecordsService } from "../recsys/access/user-records.service.js";
import type { CatalogueChangesService } from "../recsys/catalogue/catalogue-changes.service.js";
import type { UserErasureService } from "../recsys/catalogue/user-erasure.service.js";
import type { UserOptOutService } from "../recsys/catalogue/user-opt-out.service.js";
import type { ImageRejectionService } from "../recsys/images/image-rejection.service.js";
import type { PersonalizationService } from "../recsys/images/personalization.service.js";
import type { ImportHistoryService } from "../recsys/import/import-history.service.js";
import type { InteractionRecordingService } from "../recsys/interactions/interaction-recording.service.js";
import type { JobService } from "../recsys/jobs/job.service.js";
import type { ResultFiles } from "../recsys/lab/experiments/result-files.js";
import type { CompareVersionsService } from "../recsys/lab/rankers/compare-versions.service.js";
import type { RankChangeSummaryService } from "../recsys/ranking/rank-change-summary.service.js";
import type { RecommendationService } from "../recsys/ranking/recommendation.service.js";
import type { SimilarItemsService } from "../recsys/retrieval/similar-items.service.js";
import type { ParticipationService } from "../recsys/studies/participation.service.js";
import type { StudyService } from "../recsys/studies/study.service.js";

export type { JobSnapshot as WatchedJob } from "../db/jobs.repository.js";

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
  audit: Pick<AuditRepository, "begin" | "end" | "findPage">;
  catalog: CatalogQueries;
  catalogue: Pick<CatalogueChangesService, "upsert" | "remove">;
  erasure: Pick<UserErasureService, "deleteUser" | "mergeUsers">;
  optOuts: Pick<UserOptOutService, "optIn" | "optOut">;
  gallery: Pick<ImageGalleryRepository, "findPage">;
  imageRejections: Pick<ImageRejectionService, "reject">;
  rankChanges: RankChangesRepository;
  rankChangeSummaries: Pick<RankChangeSummaryService, "summarize" | "summarizeGroups">;
  overview: { read(since: Date): Promise<Overview> };
  userList: Pick<UserRecordsRepository, "findPage">;
  userRecords: Pick<UserRecordsService, "export">;
  importHistory: Pick<ImportHistoryService, "find" | "findPage" | "rejected">;
  resultFiles: Pick<ResultFiles, "list" | "read">;
  /** The model packs on this server. */
  packs: () => Promise<readonly KnownPack[]>;
  versionComparison: Pick<CompareVersionsService, "compare">;
  images: { findById(id: string): Promise<PersonalizedImageRow | null> };
  personalization: Pick<PersonalizationService, "request" | "requestMany" | "findStored">;
  jobs: Pick<JobService, "request" | "get" | "cancel" | "retry" | "watch">;
  recommendations: Pick<RecommendationService, "recommend">;
  similar: Pick<SimilarItemsService, "similarItems">;
  rankers: ServedVersions<RankingModelVersionRow>;
  personalizers: ServedVersions<PersonalizerVersionRow>;
  interactions: Pick<InteractionRecordingService, "record" | "remove">;
  studies: Pick<StudyService, "close" | "csv" | "findPage" | "findPairs" | "get" | "results">;
  participation: Pick<
    ParticipationService,
    "finish" | "invitation" | "join" | "session" | "submit"
  >;
  /** Public base URL of the API without a trailing slash; empty for relative URLs. */
  publicUrl: string;
  /** Folder whose subfolders the API may import. */
  importsFolder: string;
}
