-- Captions made of an item's own title and category.
ALTER TYPE "caption_source" ADD VALUE 'TEXT';

-- What a picture was read from, so that an import need not read it again.
ALTER TABLE "item_images" ADD COLUMN "source_version" TEXT;
