/** @file The caller and its permissions. The roles are ordered: each includes those before it. */
import type { ApiKeyRole, JobRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";

/** A shopper's token comes first: the rights of a storefront key, for its own user only. */
const levels = ["SHOPPER", "STOREFRONT", "RECOMMENDER", "ADMIN"] as const;

export type AccessLevel = "SHOPPER" | ApiKeyRole;

export type Viewer =
  | { readonly kind: "KEY"; readonly keyId: string; readonly role: ApiKeyRole }
  | {
      readonly kind: "SHOPPER";
      readonly userId: string;
      /** When the token expires; a websocket is closed then. Default: the host ends the caller's session itself. */
      readonly expiresAt?: Date;
    };

function levelOf(viewer: Viewer): AccessLevel {
  return viewer.kind === "SHOPPER" ? "SHOPPER" : viewer.role;
}

export function reaches(viewer: Viewer, needed: AccessLevel): boolean {
  return levels.indexOf(levelOf(viewer)) >= levels.indexOf(needed);
}

/** @throws AppError `FORBIDDEN` if the viewer's role is below `needed` */
export function assertReaches(viewer: Viewer, needed: AccessLevel): void {
  if (!reaches(viewer, needed)) {
    throw new AppError("FORBIDDEN", { role: levelOf(viewer), needed });
  }
}

/** @throws AppError `OTHER_USER` if the viewer is a shopper and not this one */
export function assertActsFor(viewer: Viewer, userId: string): void {
  if (viewer.kind === "SHOPPER" && viewer.userId !== userId) {
    throw new AppError("OTHER_USER", { userId });
  }
}

/** The only user whose images and history the viewer may see; null for all users. */
export function userScope(viewer: Viewer | null): string | null {
  return viewer?.kind === "SHOPPER" ? viewer.userId : null;
}

/**
 * A shopper may follow and cancel their own jobs, a storefront key those that generate images.
 *
 * @throws AppError `JOB_NOT_FOUND` for a shopper (which hides others' jobs), `FORBIDDEN` for a key
 */
export function assertMayFollow(viewer: Viewer, job: Pick<JobRow, "id" | "kind" | "userId">): void {
  if (viewer.kind === "SHOPPER") {
    if (job.userId !== viewer.userId) {
      throw new AppError("JOB_NOT_FOUND", { jobId: job.id });
    }
  } else if (job.kind !== "PERSONALIZE_IMAGE") {
    assertReaches(viewer, "RECOMMENDER");
  }
}
