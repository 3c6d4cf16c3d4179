-- A picture can be drawn under a trained preference (P^gen), and its shopper may still be shown the catalogue picture.

-- CreateEnum
CREATE TYPE "personalizer_state" AS ENUM ('TRAINING', 'READY', 'FAILED');

-- AlterEnum

ALTER TYPE "job_kind" ADD VALUE 'TRAIN_PERSONALIZER';
ALTER TYPE "job_kind" ADD VALUE 'JUDGE';

-- AlterTable
ALTER TABLE "personalized_images" ADD COLUMN     "is_served" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN     "personalizer_version_id" UUID;

-- CreateTable
CREATE TABLE "personalizer_versions" (
    "id" UUID NOT NULL,
    "state" "personalizer_state" NOT NULL DEFAULT 'TRAINING',
    "is_active" BOOLEAN NOT NULL DEFAULT false,
    "config" JSONB NOT NULL,
    "seed" INTEGER NOT NULL,
    "generator" TEXT NOT NULL,
    "ranking_model_version_id" UUID NOT NULL,
    "metrics" JSONB,
    "data_hash" CHAR(64),
    "artefact_path" TEXT,
    "failure" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "trained_at" TIMESTAMPTZ(3),
    "activated_at" TIMESTAMPTZ(3),

    CONSTRAINT "personalizer_versions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "personalizer_versions_created_at_id_idx" ON "personalizer_versions"("created_at", "id");

-- AddForeignKey
ALTER TABLE "personalizer_versions" ADD CONSTRAINT "personalizer_versions_ranking_model_version_id_fkey" FOREIGN KEY ("ranking_model_version_id") REFERENCES "ranking_model_versions"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "personalized_images" ADD CONSTRAINT "personalized_images_personalizer_version_id_fkey" FOREIGN KEY ("personalizer_version_id") REFERENCES "personalizer_versions"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- What Prisma's schema language cannot say: states that must not exist.

ALTER TABLE "personalizer_versions"
  ADD CONSTRAINT "personalizer_versions_active_check" CHECK (NOT "is_active" OR "state" = 'READY'),
  ADD CONSTRAINT "personalizer_versions_ready_check" CHECK ("state" <> 'READY' OR ("metrics" IS NOT NULL AND "artefact_path" IS NOT NULL)),
  ADD CONSTRAINT "personalizer_versions_failure_check" CHECK (("state" = 'FAILED') = ("failure" IS NOT NULL));
CREATE UNIQUE INDEX "personalizer_versions_active_key" ON "personalizer_versions" ("is_active") WHERE "is_active";
