-- CreateEnum
CREATE TYPE "caption_source" AS ENUM ('IMPORTED', 'MODEL');

-- CreateEnum
CREATE TYPE "embedding_kind" AS ENUM ('CAPTION', 'IMAGE');

-- CreateEnum
CREATE TYPE "interaction_kind" AS ENUM ('VIEW', 'CLICK', 'LIKE', 'CART', 'PURCHASE', 'RATING');

-- CreateEnum
CREATE TYPE "ranking_model_state" AS ENUM ('TRAINING', 'READY', 'FAILED');

-- CreateEnum
CREATE TYPE "job_kind" AS ENUM ('PERSONALIZE_IMAGE', 'IMPORT', 'INDEX', 'TRAIN_RANKER', 'RERANK');

-- CreateEnum
CREATE TYPE "job_state" AS ENUM ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "api_key_role" AS ENUM ('STOREFRONT', 'RECOMMENDER', 'ADMIN');

-- CreateEnum
CREATE TYPE "import_state" AS ENUM ('RUNNING', 'COMPLETE');

-- CreateTable
CREATE TABLE "users" (
    "id" TEXT NOT NULL,
    "is_simulated" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "items" (
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "category" TEXT,
    "keywords" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "is_available" BOOLEAN NOT NULL DEFAULT true,
    "attribution" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "items_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "blobs" (
    "hash" CHAR(64) NOT NULL,
    "media_type" TEXT NOT NULL,
    "size_bytes" INTEGER NOT NULL,
    "width_pixels" INTEGER NOT NULL,
    "height_pixels" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blobs_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "item_images" (
    "item_id" TEXT NOT NULL,
    "blob_hash" CHAR(64) NOT NULL,
    "source" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "item_images_pkey" PRIMARY KEY ("item_id")
);

-- CreateTable
CREATE TABLE "captions" (
    "item_id" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "source" "caption_source" NOT NULL,
    "model" TEXT,
    "blob_hash" CHAR(64),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "captions_pkey" PRIMARY KEY ("item_id")
);

-- CreateTable
CREATE TABLE "embeddings" (
    "item_id" TEXT NOT NULL,
    "kind" "embedding_kind" NOT NULL,
    "encoder" TEXT NOT NULL,
    "dimension" INTEGER NOT NULL,
    "vector" BYTEA NOT NULL,
    "source_hash" CHAR(64) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "embeddings_pkey" PRIMARY KEY ("item_id","kind")
);

-- CreateTable
CREATE TABLE "interactions" (
    "id" BIGSERIAL NOT NULL,
    "user_id" TEXT NOT NULL,
    "item_id" TEXT NOT NULL,
    "kind" "interaction_kind" NOT NULL,
    "weight" REAL NOT NULL DEFAULT 1,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "interactions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ranking_model_versions" (
    "id" UUID NOT NULL,
    "algorithm" TEXT NOT NULL,
    "state" "ranking_model_state" NOT NULL DEFAULT 'TRAINING',
    "is_active" BOOLEAN NOT NULL DEFAULT false,
    "config" JSONB NOT NULL,
    "seed" INTEGER NOT NULL,
    "metrics" JSONB,
    "data_hash" CHAR(64),
    "artefact_path" TEXT,
    "failure" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "trained_at" TIMESTAMPTZ(3),
    "activated_at" TIMESTAMPTZ(3),

    CONSTRAINT "ranking_model_versions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "personalized_images" (
    "id" UUID NOT NULL,
    "request_key" CHAR(64) NOT NULL,
    "user_id" TEXT NOT NULL,
    "item_id" TEXT NOT NULL,
    "blob_hash" CHAR(64) NOT NULL,
    "source_blob_hash" CHAR(64) NOT NULL,
    "seed" INTEGER NOT NULL,
    "generator" TEXT NOT NULL,
    "prompt_version" TEXT NOT NULL,
    "provenance" JSONB NOT NULL,
    "caption_similarity" REAL NOT NULL,
    "image_similarity" REAL NOT NULL,
    "generation_seconds" REAL NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "personalized_images_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "rank_changes" (
    "id" UUID NOT NULL,
    "personalized_image_id" UUID NOT NULL,
    "ranking_model_version_id" UUID NOT NULL,
    "rank_before" DOUBLE PRECISION NOT NULL,
    "rank_after" DOUBLE PRECISION NOT NULL,
    "score_before" DOUBLE PRECISION NOT NULL,
    "score_after" DOUBLE PRECISION NOT NULL,
    "num_ranked" INTEGER NOT NULL,
    "delta_r" DOUBLE PRECISION NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "rank_changes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "jobs" (
    "id" UUID NOT NULL,
    "kind" "job_kind" NOT NULL,
    "state" "job_state" NOT NULL DEFAULT 'QUEUED',
    "payload" JSONB NOT NULL,
    "dedupe_key" TEXT,
    "progress" REAL NOT NULL DEFAULT 0,
    "stage" TEXT NOT NULL DEFAULT '',
    "preview_hash" CHAR(64),
    "result" JSONB,
    "error_code" TEXT,
    "error_message" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "cancel_requested" BOOLEAN NOT NULL DEFAULT false,
    "user_id" TEXT,
    "item_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "heartbeat_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "jobs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "api_key_role" NOT NULL,
    "key_hash" CHAR(64) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "import_runs" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "fingerprint" CHAR(64) NOT NULL,
    "state" "import_state" NOT NULL DEFAULT 'RUNNING',
    "cursor" JSONB NOT NULL,
    "counts" JSONB NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "import_runs_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "items_created_at_id_idx" ON "items"("created_at", "id");

-- CreateIndex
CREATE INDEX "items_category_idx" ON "items"("category");

-- CreateIndex
CREATE INDEX "item_images_blob_hash_idx" ON "item_images"("blob_hash");

-- CreateIndex
CREATE INDEX "embeddings_kind_encoder_idx" ON "embeddings"("kind", "encoder");

-- CreateIndex
CREATE INDEX "interactions_user_id_occurred_at_id_idx" ON "interactions"("user_id", "occurred_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "interactions_item_id_idx" ON "interactions"("item_id");

-- CreateIndex
CREATE UNIQUE INDEX "interactions_user_id_item_id_kind_occurred_at_key" ON "interactions"("user_id", "item_id", "kind", "occurred_at");

-- CreateIndex
CREATE INDEX "ranking_model_versions_created_at_id_idx" ON "ranking_model_versions"("created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "personalized_images_request_key_key" ON "personalized_images"("request_key");

-- CreateIndex
CREATE INDEX "personalized_images_item_id_created_at_id_idx" ON "personalized_images"("item_id", "created_at" DESC, "id");

-- CreateIndex
CREATE INDEX "personalized_images_user_id_created_at_id_idx" ON "personalized_images"("user_id", "created_at" DESC, "id");

-- CreateIndex
CREATE INDEX "rank_changes_ranking_model_version_id_created_at_idx" ON "rank_changes"("ranking_model_version_id", "created_at");

-- CreateIndex
CREATE INDEX "rank_changes_created_at_id_idx" ON "rank_changes"("created_at", "id");

-- CreateIndex
CREATE INDEX "rank_changes_delta_r_id_idx" ON "rank_changes"("delta_r", "id");

-- CreateIndex
CREATE UNIQUE INDEX "rank_changes_personalized_image_id_ranking_model_version_id_key" ON "rank_changes"("personalized_image_id", "ranking_model_version_id");

-- CreateIndex
CREATE INDEX "jobs_state_kind_created_at_idx" ON "jobs"("state", "kind", "created_at");

-- CreateIndex
CREATE INDEX "jobs_created_at_id_idx" ON "jobs"("created_at", "id");

-- CreateIndex
CREATE INDEX "jobs_dedupe_key_created_at_idx" ON "jobs"("dedupe_key", "created_at" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_name_key" ON "api_keys"("name");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_key_hash_key" ON "api_keys"("key_hash");

-- CreateIndex
CREATE UNIQUE INDEX "import_runs_kind_fingerprint_key" ON "import_runs"("kind", "fingerprint");

-- AddForeignKey
ALTER TABLE "item_images" ADD CONSTRAINT "item_images_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "item_images" ADD CONSTRAINT "item_images_blob_hash_fkey" FOREIGN KEY ("blob_hash") REFERENCES "blobs"("hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "captions" ADD CONSTRAINT "captions_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "embeddings" ADD CONSTRAINT "embeddings_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "interactions" ADD CONSTRAINT "interactions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "interactions" ADD CONSTRAINT "interactions_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "personalized_images" ADD CONSTRAINT "personalized_images_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "personalized_images" ADD CONSTRAINT "personalized_images_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "personalized_images" ADD CONSTRAINT "personalized_images_blob_hash_fkey" FOREIGN KEY ("blob_hash") REFERENCES "blobs"("hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "rank_changes" ADD CONSTRAINT "rank_changes_personalized_image_id_fkey" FOREIGN KEY ("personalized_image_id") REFERENCES "personalized_images"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "rank_changes" ADD CONSTRAINT "rank_changes_ranking_model_version_id_fkey" FOREIGN KEY ("ranking_model_version_id") REFERENCES "ranking_model_versions"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What Prisma's schema language cannot say: states that must not exist.

ALTER TABLE "blobs"
  ADD CONSTRAINT "blobs_hash_check" CHECK ("hash" ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT "blobs_size_check" CHECK ("size_bytes" > 0 AND "width_pixels" > 0 AND "height_pixels" > 0);

ALTER TABLE "captions"
  ADD CONSTRAINT "captions_model_check" CHECK (("source" = 'MODEL') = ("model" IS NOT NULL));

ALTER TABLE "embeddings"
  ADD CONSTRAINT "embeddings_dimension_check" CHECK ("dimension" > 0 AND octet_length("vector") = 4 * "dimension");

ALTER TABLE "interactions"
  ADD CONSTRAINT "interactions_weight_check" CHECK ("weight" >= 0 AND "weight" < 'Infinity');

ALTER TABLE "ranking_model_versions"
  ADD CONSTRAINT "ranking_model_versions_active_check" CHECK (NOT "is_active" OR "state" = 'READY'),
  ADD CONSTRAINT "ranking_model_versions_ready_check" CHECK ("state" <> 'READY' OR ("metrics" IS NOT NULL AND "artefact_path" IS NOT NULL)),
  ADD CONSTRAINT "ranking_model_versions_failure_check" CHECK (("state" = 'FAILED') = ("failure" IS NOT NULL));
CREATE UNIQUE INDEX "ranking_model_versions_active_key" ON "ranking_model_versions" ("is_active") WHERE "is_active";

ALTER TABLE "rank_changes"
  ADD CONSTRAINT "rank_changes_rank_check" CHECK ("rank_before" >= 1 AND "rank_after" >= 1 AND "rank_before" <= "num_ranked" AND "rank_after" <= "num_ranked"),
  ADD CONSTRAINT "rank_changes_delta_r_check" CHECK (abs("delta_r" - ("rank_before" - "rank_after") / (1 + "rank_before")) < 1e-9);

ALTER TABLE "jobs"
  ADD CONSTRAINT "jobs_progress_check" CHECK ("progress" BETWEEN 0 AND 1),
  ADD CONSTRAINT "jobs_finished_check" CHECK (("state" IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = ("finished_at" IS NOT NULL)),
  ADD CONSTRAINT "jobs_error_check" CHECK (("state" = 'FAILED') = ("error_code" IS NOT NULL));
CREATE UNIQUE INDEX "jobs_dedupe_key_key" ON "jobs" ("dedupe_key") WHERE "state" IN ('QUEUED', 'RUNNING');
