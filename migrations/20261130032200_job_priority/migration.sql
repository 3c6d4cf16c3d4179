-- What a shopper waits for goes before work by the hundred.

-- AlterTable
ALTER TABLE "jobs" ADD COLUMN     "priority" SMALLINT NOT NULL DEFAULT 0;
