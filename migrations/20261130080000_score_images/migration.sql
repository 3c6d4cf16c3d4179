-- The job that scores stored images, and the reason of an item without an image, take the names that the code gives them.

-- AlterEnum
ALTER TYPE "job_kind" RENAME VALUE 'JUDGE' TO 'SCORE_IMAGES';

-- Jobs keep what they say under the new names.
UPDATE "jobs"
SET "result" = jsonb_set("result", '{originalReason}', '"NO_IMAGE"')
WHERE "result"->>'originalReason' = 'NO_PICTURE';

UPDATE "jobs"
SET "payload" = replace("payload"::text, '"picturesPerItem"', '"imagesPerItem"')::jsonb,
    "result" = replace("result"::text, '"numPictures"', '"numImages"')::jsonb
WHERE "kind" = 'RERANK';
