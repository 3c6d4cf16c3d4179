-- What a captioner's sentence was compared with, so that it is compared again when the item's text changes.
ALTER TABLE "captions" ADD COLUMN "compared_with" CHAR(32);

-- A caption that did not come with the catalogue names what made it.
ALTER TABLE "captions" DROP CONSTRAINT "captions_model_check";
ALTER TABLE "captions"
  ADD CONSTRAINT "captions_model_check" CHECK (("source" = 'IMPORTED') = ("model" IS NULL));
