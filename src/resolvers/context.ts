/** @file The request context of every resolver. */
import { AppError } from "../errors/app-error.js";
import type { Viewer } from "../recsys/access/viewer.js";
import type { Loaders } from "./loaders.js";
import type { WatchedJob } from "./services.js";

export interface RequestContext {
  /** The caller; null without valid credentials. */
  viewer: Viewer | null;
  /** Why the credentials were refused; null if they are valid or absent. */
  refusal: AppError | null;
  /** Raised when the client has left. Default: it stays. */
  signal?: AbortSignal;
  /** Created per request, so that nothing loaded for one viewer reaches another. */
  loaders: Loaders;
  /** The job now and after every change, if the viewer may follow it. */
  watchJob(id: string): Promise<AsyncIterable<WatchedJob>>;
}

/** @throws AppError `UNAUTHENTICATED`, `TOKEN_INVALID` */
export function requireViewer({ viewer, refusal }: RequestContext): Viewer {
  if (!viewer) {
    throw refusal ?? new AppError("UNAUTHENTICATED");
  }
  return viewer;
}
