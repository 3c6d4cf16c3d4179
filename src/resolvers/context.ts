/** @file What every resolver is told about the request. */
import { AppError } from "../errors/app-error.js";
import type { Viewer } from "../recsys/access/viewer.js";
import type { Loaders } from "./loaders.js";
import type { WatchedJob } from "./services.js";

export interface RequestContext {
  /** Who asks; null without credentials, or with bad ones. */
  viewer: Viewer | null;
  /** Why the credentials are no good; null if they are, or if there are none. */
  refusal: AppError | null;
  /** Made for this request alone, so that nothing read for one viewer is shown to another. */
  loaders: Loaders;
  /** The job as it is and whenever it changes, if the viewer may follow it. */
  watchJob(id: string): Promise<AsyncIterable<WatchedJob>>;
}

/** @throws AppError `UNAUTHENTICATED`, `TOKEN_INVALID` */
export function requireViewer({ viewer, refusal }: RequestContext): Viewer {
  if (!viewer) {
    throw refusal ?? new AppError("UNAUTHENTICATED");
  }
  return viewer;
}
