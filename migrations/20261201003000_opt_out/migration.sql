-- Users may opt out of personalisation. What is stored of them stays, and nothing reads it to personalise.

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "opted_out_at" TIMESTAMPTZ(3);
