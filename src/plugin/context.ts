/** @file What a request brings with it: who asks, and loaders of its own. */
import { AppError } from "../errors/app-error.js";
import { assertMayFollow, assertReaches, userScope, type Viewer } from "../recsys/access/viewer.js";
import { waitingOf } from "../recsys/jobs/waiting-places.js";
import { requireViewer, type RequestContext } from "../resolvers/context.js";
import { createLoaders } from "../resolvers/loaders.js";
import type { ApiServices } from "../resolvers/services.js";

/** Who calls: an `Authorization` header (or what a websocket sent in its place), or whom the host has made out itself. */
export type Caller = string | null | undefined | { readonly viewer: Viewer | null };

/** What is known of the other end of the connection. */
export interface Client {
  /** Raised when the client has left: what waits for it stops. Default: it stays. */
  signal?: AbortSignal;
}

/**
 * Creates the context of one request; never share it, since its loaders cache what they read.
 *
 * Bad credentials are no error here but where a field needs good ones.
 *
 * @throws AppError `DATABASE_UNREACHABLE`
 */
export type CreateContext = (caller?: Caller, client?: Client) => Promise<RequestContext>;

export function createContextFactory({
  access,
  catalog,
  rankChanges,
  jobs,
  personalization,
}: Pick<
  ApiServices,
  "access" | "catalog" | "rankChanges" | "jobs" | "personalization"
>): CreateContext {
  return async (caller, { signal } = {}) => {
    const { viewer, refusal } =
      typeof caller === "object" && caller !== null
        ? { viewer: caller.viewer, refusal: null }
        : await identify(access, caller);
    const context: RequestContext = {
      viewer,
      refusal,
      signal,
      loaders: createLoaders(catalog, rankChanges, personalization, userScope(viewer)),
      async watchJob(id) {
        const caller = requireViewer(context);
        assertReaches(caller, "SHOPPER");
        assertMayFollow(caller, await jobs.get(id));
        return stoppable(stopped => jobs.watch(id, stopped, waitingOf(caller)));
      },
    };
    return context;
  };
}

/** Invalid credentials fail only in fields that require them, so that `health` always answers. */
async function identify(
  access: Pick<ApiServices["access"], "authenticate">,
  authorization: string | null | undefined,
): Promise<{ viewer: Viewer | null; refusal: AppError | null }> {
  try {
    return { viewer: await access.authenticate(authorization), refusal: null };
  } catch (error) {
    if (error instanceof AppError && error.status === 401) {
      return { viewer: null, refusal: error };
    }
    if (!(error instanceof AppError)) {
      const reason = "the credentials could not be looked up";
      throw new AppError("DATABASE_UNREACHABLE", { reason }, { cause: error });
    }
    throw error;
  }
}

/** An iterable whose signal is raised when its reader stops, also while it waits for the next value. */
function stoppable<Value>(
  open: (signal: AbortSignal) => AsyncIterable<Value>,
): AsyncIterableIterator<Value> {
  const stopping = new AbortController();
  const inner = open(stopping.signal)[Symbol.asyncIterator]();
  return {
    next: () => inner.next(),
    async return() {
      stopping.abort();
      await inner.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
