-- Studies: people sort the images of several methods. Participants are known by a random id only.

-- CreateEnum
CREATE TYPE "study_image_role" AS ENUM ('HISTORY', 'REFERENCE', 'CANDIDATE');

-- CreateEnum
CREATE TYPE "study_question" AS ENUM ('CLICK', 'MEANING');

-- AlterEnum
ALTER TYPE "job_kind" ADD VALUE 'CREATE_STUDY';

-- CreateTable
CREATE TABLE "studies" (
    "id" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "seed" INTEGER NOT NULL,
    "methods" TEXT[],
    "generator" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "max_participants" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "studies_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "study_pairs" (
    "id" UUID NOT NULL,
    "study_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "user_id" TEXT NOT NULL,
    "item_id" TEXT NOT NULL,
    "is_check" BOOLEAN NOT NULL,
    "has_consent" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "study_pairs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "study_images" (
    "id" UUID NOT NULL,
    "pair_id" UUID NOT NULL,
    "role" "study_image_role" NOT NULL,
    "position" INTEGER NOT NULL,
    "methods" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "is_right" BOOLEAN NOT NULL DEFAULT false,
    "blob_hash" CHAR(64) NOT NULL,

    CONSTRAINT "study_images_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "study_participants" (
    "id" UUID NOT NULL,
    "study_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "token_hash" CHAR(64) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "study_participants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "study_answers" (
    "participant_id" UUID NOT NULL,
    "pair_id" UUID NOT NULL,
    "question" "study_question" NOT NULL,
    "ranking" UUID[],
    "answered_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "study_answers_pkey" PRIMARY KEY ("participant_id","pair_id","question")
);

-- CreateIndex
CREATE INDEX "studies_created_at_id_idx" ON "studies"("created_at", "id");

-- CreateIndex
CREATE INDEX "study_pairs_user_id_idx" ON "study_pairs"("user_id");

-- CreateIndex
CREATE INDEX "study_pairs_item_id_idx" ON "study_pairs"("item_id");

-- CreateIndex
CREATE UNIQUE INDEX "study_pairs_study_id_position_key" ON "study_pairs"("study_id", "position");

-- CreateIndex
CREATE INDEX "study_images_blob_hash_idx" ON "study_images"("blob_hash");

-- CreateIndex
CREATE UNIQUE INDEX "study_images_pair_id_role_position_key" ON "study_images"("pair_id", "role", "position");

-- CreateIndex
CREATE UNIQUE INDEX "study_participants_token_hash_key" ON "study_participants"("token_hash");

-- CreateIndex
CREATE UNIQUE INDEX "study_participants_study_id_number_key" ON "study_participants"("study_id", "number");

-- CreateIndex
CREATE INDEX "study_answers_pair_id_idx" ON "study_answers"("pair_id");

-- AddForeignKey
ALTER TABLE "study_pairs" ADD CONSTRAINT "study_pairs_study_id_fkey" FOREIGN KEY ("study_id") REFERENCES "studies"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "study_pairs" ADD CONSTRAINT "study_pairs_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "study_pairs" ADD CONSTRAINT "study_pairs_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "study_images" ADD CONSTRAINT "study_images_pair_id_fkey" FOREIGN KEY ("pair_id") REFERENCES "study_pairs"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "study_images" ADD CONSTRAINT "study_images_blob_hash_fkey" FOREIGN KEY ("blob_hash") REFERENCES "blobs"("hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "study_participants" ADD CONSTRAINT "study_participants_study_id_fkey" FOREIGN KEY ("study_id") REFERENCES "studies"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "study_answers" ADD CONSTRAINT "study_answers_participant_id_fkey" FOREIGN KEY ("participant_id") REFERENCES "study_participants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "study_answers" ADD CONSTRAINT "study_answers_pair_id_fkey" FOREIGN KEY ("pair_id") REFERENCES "study_pairs"("id") ON DELETE CASCADE ON UPDATE CASCADE;
