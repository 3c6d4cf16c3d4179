import type { JobPayloads } from "../../src/recsys/jobs/job-payloads.js";

/** A valid payload of a PERSONALIZE_IMAGE job. */
export function imagePayload(itemId: string, userId = "u"): JobPayloads["PERSONALIZE_IMAGE"] {
  return {
    userId,
    itemId,
    options: { seed: 1, strength: 0.5, guidanceScale: 3, numSteps: 12, numCandidates: 3 },
  };
}
