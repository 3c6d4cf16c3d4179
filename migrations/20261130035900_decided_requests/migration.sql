-- Every decided request counts in the summary of rank changes: images, and requests of which no image may be shown.

-- AlterTable
ALTER TABLE "personalized_images" ADD COLUMN     "ranking_model_version_id" UUID;

-- CreateTable
CREATE TABLE "image_refusals" (
    "request_key" CHAR(64) NOT NULL,
    "user_id" TEXT NOT NULL,
    "item_id" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "ranking_model_version_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "image_refusals_pkey" PRIMARY KEY ("request_key")
);

-- CreateIndex
CREATE INDEX "image_refusals_ranking_model_version_id_idx" ON "image_refusals"("ranking_model_version_id");

-- CreateIndex
CREATE INDEX "image_refusals_user_id_idx" ON "image_refusals"("user_id");

-- CreateIndex
CREATE INDEX "image_refusals_item_id_idx" ON "image_refusals"("item_id");

-- CreateIndex
CREATE INDEX "personalized_images_ranking_model_version_id_idx" ON "personalized_images"("ranking_model_version_id");

-- AddForeignKey
ALTER TABLE "personalized_images" ADD CONSTRAINT "personalized_images_ranking_model_version_id_fkey" FOREIGN KEY ("ranking_model_version_id") REFERENCES "ranking_model_versions"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "image_refusals" ADD CONSTRAINT "image_refusals_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "image_refusals" ADD CONSTRAINT "image_refusals_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "image_refusals" ADD CONSTRAINT "image_refusals_ranking_model_version_id_fkey" FOREIGN KEY ("ranking_model_version_id") REFERENCES "ranking_model_versions"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- What was decided before: by the model that an image names, else by the one that was activated last before it.
UPDATE "personalized_images" AS image
SET "ranking_model_version_id" = COALESCE(
    (SELECT "id" FROM "ranking_model_versions" WHERE "id"::text = image."provenance"->>'rankingModelVersionId'),
    (SELECT "id" FROM "ranking_model_versions" WHERE "activated_at" <= image."created_at" ORDER BY "activated_at" DESC, "id" LIMIT 1));

-- Requests below the floor left no row but their job.
INSERT INTO "image_refusals" ("request_key", "user_id", "item_id", "reason", "ranking_model_version_id", "created_at")
SELECT DISTINCT ON (job."dedupe_key")
    job."dedupe_key", job."user_id", job."item_id", 'BELOW_QUALITY_FLOOR',
    (SELECT "id" FROM "ranking_model_versions" WHERE "activated_at" <= job."finished_at" ORDER BY "activated_at" DESC, "id" LIMIT 1),
    job."finished_at"
FROM "jobs" AS job
WHERE job."kind" = 'PERSONALIZE_IMAGE' AND job."state" = 'SUCCEEDED'
  AND job."result"->>'originalReason' = 'BELOW_QUALITY_FLOOR'
  AND job."dedupe_key" ~ '^[0-9a-f]{64}$' AND job."user_id" IS NOT NULL AND job."item_id" IS NOT NULL
  AND NOT EXISTS (SELECT FROM "personalized_images" AS image WHERE image."request_key" = job."dedupe_key")
ORDER BY job."dedupe_key", job."finished_at";
