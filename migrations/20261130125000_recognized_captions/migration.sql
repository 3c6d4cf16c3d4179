-- AlterEnum
ALTER TYPE "caption_source" ADD VALUE 'RECOGNIZED' BEFORE 'TEXT';
