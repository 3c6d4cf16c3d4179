/** @file The caller and its permissions. The roles are ordered: each includes those before it. */
import type { ApiKeyRole, JobRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";

/**
 * A participant of a study comes first: nothing of the shop is theirs to see. Then a shopper's token: the rights of a storefront
 * key, for its own user only.
 */
const levels = ["PARTICIPANT", "SHOPPER", "STOREFRONT", "RECOMMENDER", "ADMIN"] as const;

export type AccessLevel = "PARTICIPANT" | "SHOPPER" | ApiKeyRole;

export type Viewer =
  | { readonly kind: "KEY"; readonly keyId: string; readonly role: ApiKeyRole }
  | {
      readonly kind: "SHOPPER";
      readonly userId: string;
      /** When the token expires; a websocket is closed then. Default: the host ends the caller's session itself. */
      readonly expiresAt?: Date;
    }
  | ParticipantViewer;

/** Somebody who joined a study by its link. */
export interface ParticipantViewer {
  readonly kind: "PARTICIPANT";
  readonly participantId: string;
  readonly studyId: string;
}

function levelOf(viewer: Viewer): AccessLevel {
  return viewer.kind === "KEY" ? viewer.role : viewer.kind;
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

/** @throws AppError `OTHER_USER` if the viewer is a shopper and not this one; `FORBIDDEN` for a participant of a study */
export function assertActsFor(viewer: Viewer, userId: string): void {
  assertReaches(viewer, "SHOPPER");
  if (viewer.kind === "SHOPPER" && viewer.userId !== userId) {
    throw new AppError("OTHER_USER", { userId });
  }
}

/** @throws AppError `STUDY_PARTICIPANT_NEEDED` if a key or a shopper calls what only a participant can do */
export function requireParticipant(viewer: Viewer): ParticipantViewer {
  if (viewer.kind !== "PARTICIPANT") {
    throw new AppError("STUDY_PARTICIPANT_NEEDED");
  }
  return viewer;
}

/** The only user whose images and history the viewer may see; null for all users. */
export function userScope(viewer: Viewer | null): string | null {
  if (viewer?.kind === "PARTICIPANT") {
    return ""; // nobody: no field that reads it may be called by a participant
  }
  return viewer?.kind === "SHOPPER" ? viewer.userId : null;
}

/**
 * A shopper may follow and cancel their own jobs, a storefront key those that generate images.
 *
 * @throws AppError `JOB_NOT_FOUND` for a shopper (which hides others' jobs), `FORBIDDEN` for a key
 */
export function assertMayFollow(viewer: Viewer, job: Pick<JobRow, "id" | "kind" | "userId">): void {
  assertReaches(viewer, "SHOPPER");
  if (viewer.kind === "SHOPPER") {
    if (job.userId !== viewer.userId) {
      throw new AppError("JOB_NOT_FOUND", { jobId: job.id });
    }
  } else if (job.kind !== "PERSONALIZE_IMAGE") {
    assertReaches(viewer, "RECOMMENDER");
  }
}
