/** @file The storage of a shop: its files and the rows of its database. */
import type { Config } from "../config/config.js";
import { ApiKeysRepository } from "../db/api-keys.repository.js";
import { type ArtefactStore, FolderArtefactStore } from "../db/artefact-store.js";
import { AuditRepository } from "../db/audit.repository.js";
import { BlobStore } from "../db/blob-store.js";
import { BudgetsRepository } from "../db/budgets.repository.js";
import { CaptionsRepository } from "../db/captions.repository.js";
import { CatalogQueries } from "../db/catalog-queries.js";
import { CatalogueSampleRepository } from "../db/catalogue-sample.repository.js";
import type { Database } from "../db/database.js";
import { EmbeddingsRepository } from "../db/embeddings.repository.js";
import { ErasureRepository } from "../db/erasure.repository.js";
import { ImageGalleryRepository } from "../db/image-gallery.repository.js";
import { ImageRejectionsRepository } from "../db/image-rejections.repository.js";
import { InteractionsRepository } from "../db/interactions.repository.js";
import { ItemsRepository } from "../db/items.repository.js";
import { JobsRepository } from "../db/jobs.repository.js";
import { KeywordsRepository } from "../db/keywords.repository.js";
import { PersonalizedImagesRepository } from "../db/personalized-images.repository.js";
import { RankChangesRepository } from "../db/rank-changes.repository.js";
import { RankingQueries } from "../db/ranking-queries.js";
import { RetrievalRepository } from "../db/retrieval.repository.js";
import { ShopLanguageRepository } from "../db/shop-language.repository.js";
import { StudiesRepository } from "../db/studies.repository.js";
import { StudyParticipantsRepository } from "../db/study-participants.repository.js";
import { UsersRepository } from "../db/users.repository.js";
import { VariantImagesRepository } from "../db/variant-images.repository.js";
import { personalizerVersions, rankingModelVersions } from "../db/versions.repository.js";

export type Storage = ReturnType<typeof createStorage>;

export function createStorage(
  { pool, prisma }: Database,
  { feedback, home, preferenceWeights }: Pick<Config, "feedback" | "home" | "preferenceWeights">,
  store: ArtefactStore = new FolderArtefactStore(home),
) {
  return {
    home,
    store,
    prisma,
    audit: new AuditRepository(prisma),
    rejections: new ImageRejectionsRepository(prisma),
    apiKeys: new ApiKeysRepository(prisma),
    blobs: new BlobStore(store),
    budgets: new BudgetsRepository(pool),
    captions: new CaptionsRepository(pool),
    catalog: new CatalogQueries(prisma, pool),
    catalogueSample: new CatalogueSampleRepository(pool),
    embeddings: new EmbeddingsRepository(pool),
    erasure: new ErasureRepository(prisma),
    gallery: new ImageGalleryRepository(prisma, pool),
    images: new PersonalizedImagesRepository(prisma, pool),
    interactions: new InteractionsRepository(prisma),
    items: new ItemsRepository(prisma),
    jobRows: new JobsRepository(pool),
    keywords: new KeywordsRepository(pool),
    personalizerVersions: personalizerVersions(prisma),
    rankChanges: new RankChangesRepository(prisma, pool),
    rankingQueries: new RankingQueries(pool, feedback),
    retrievalRows: new RetrievalRepository(pool, {
      rules: feedback,
      readsStrengths: preferenceWeights === "similarity-and-strength",
    }),
    shopTexts: new ShopLanguageRepository(pool),
    studies: new StudiesRepository(prisma),
    studyParticipants: new StudyParticipantsRepository(prisma),
    users: new UsersRepository(prisma),
    variantImages: new VariantImagesRepository(pool),
    versions: rankingModelVersions(prisma),
  };
}
