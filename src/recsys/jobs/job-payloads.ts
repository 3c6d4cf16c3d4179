/**
 * @file What the jobs of each kind are told to do. The schemas stand beside the services that run the jobs. A payload is
 * checked before its job is queued, and again when a worker takes the job.
 */
import { z } from "zod";
import type { JobKind } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import { personalizeImagePayload } from "../images/personalization.service.js";
import { importPayload } from "../import/folder-source.js";
import { rerankPayload } from "../lab/reranking/rerank-config.js";
import { trainRankerPayload } from "../ranking/ranker-config.js";
import { trainPersonalizerPayload } from "../reflection/personalizer-training-config.js";
import { studyRequestSchema } from "../studies/study-request.js";

const nothing = z.strictObject({});

const schemas = {
  PERSONALIZE_IMAGE: personalizeImagePayload,
  IMPORT: importPayload,
  INDEX: nothing,
  TRAIN_RANKER: trainRankerPayload,
  TRAIN_PERSONALIZER: trainPersonalizerPayload,
  SCORE_IMAGES: nothing,
  RERANK: rerankPayload,
  CREATE_STUDY: studyRequestSchema,
} satisfies Record<JobKind, z.ZodType>;

/** Payloads as they are queued. */
export type JobPayloads = { [Kind in JobKind]: z.input<(typeof schemas)[Kind]> };

/** Payloads as they are run: with complete configurations. */
export type ParsedPayloads = { [Kind in JobKind]: z.output<(typeof schemas)[Kind]> };

/** @throws AppError `INVALID_ARGUMENT`, naming the field. */
export function parseJobPayload<Kind extends JobKind>(
  kind: Kind,
  payload: unknown,
): ParsedPayloads[Kind] {
  const parsed = schemas[kind].safeParse(payload);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    const argument = path.join(".") || "payload";
    throw new AppError("INVALID_ARGUMENT", { argument, problem: `is refused: ${message}` });
  }
  return parsed.data as ParsedPayloads[Kind];
}
