-- The variants in which an item is sold, with images of their own, and the personalised images that show one.

-- AlterTable
ALTER TABLE "personalized_images" ADD COLUMN     "variant_id" TEXT;

-- CreateTable
CREATE TABLE "item_variants" (
    "item_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL DEFAULT '',
    "options" JSONB NOT NULL DEFAULT '[]',
    "is_available" BOOLEAN NOT NULL DEFAULT true,
    "position" INTEGER NOT NULL,
    "blob_hash" CHAR(64),
    "source" TEXT,
    "source_version" TEXT,

    CONSTRAINT "item_variants_pkey" PRIMARY KEY ("item_id","id")
);

-- CreateTable
CREATE TABLE "variant_embeddings" (
    "blob_hash" CHAR(64) NOT NULL,
    "encoder" TEXT NOT NULL,
    "vector" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "variant_embeddings_pkey" PRIMARY KEY ("blob_hash")
);

-- CreateIndex
CREATE INDEX "item_variants_id_idx" ON "item_variants"("id");

-- CreateIndex
CREATE INDEX "item_variants_blob_hash_idx" ON "item_variants"("blob_hash");

-- AddForeignKey
ALTER TABLE "item_variants" ADD CONSTRAINT "item_variants_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "item_variants" ADD CONSTRAINT "item_variants_blob_hash_fkey" FOREIGN KEY ("blob_hash") REFERENCES "blobs"("hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "variant_embeddings" ADD CONSTRAINT "variant_embeddings_blob_hash_fkey" FOREIGN KEY ("blob_hash") REFERENCES "blobs"("hash") ON DELETE CASCADE ON UPDATE CASCADE;
