-- What the language model answered when it was asked for the keywords of an item.

-- CreateTable
CREATE TABLE "item_keywords" (
    "item_id" TEXT NOT NULL,
    "keywords" TEXT[],
    "extractor" TEXT NOT NULL,
    "fault" TEXT,
    "source_hash" CHAR(32) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "item_keywords_pkey" PRIMARY KEY ("item_id")
);

-- AddForeignKey
ALTER TABLE "item_keywords" ADD CONSTRAINT "item_keywords_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "items"("id") ON DELETE CASCADE ON UPDATE CASCADE;
