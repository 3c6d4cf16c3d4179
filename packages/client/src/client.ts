/** @file The client: what a storefront asks Vitrine for. */
import {
  type OutcomeFragment,
  PersonalizeImageDocument,
  PersonalizeImagesDocument,
  type PersonalizeImageOptions,
  RecommendationsDocument,
  RecordInteractionsDocument,
  type RecordInteractionsMutation,
} from "./api/operations.js";
import { imageUrl, type ImageSize } from "./image-url.js";
import { JobFollower, type JobState } from "./job-follower.js";
import { ResultCache } from "./result-cache.js";
import {
  imageResult,
  type Interaction,
  type PersonalizedResult,
  type Progress,
  type Recommendations,
} from "./results.js";
import { Shelf } from "./shelf.js";
import { type Credentials, Transport } from "./transport.js";
import type { TypedDocument } from "./typed-document.js";
import { clientCodes, VitrineError } from "./vitrine-error.js";

export interface ClientOptions {
  /** Address of the API, such as `https://api.shop.example/graphql`. */
  url: string;
  /** A shopper's token, or on a server an API key. Default: none. */
  credentials?: Credentials;
  /** Default: the runtime's. */
  fetch?: typeof globalThis.fetch;
  /** The class of websockets; default: the runtime's, which Node 20 lacks. Without one, jobs are asked for. */
  WebSocket?: unknown;
  /** Address of websockets; null where they are blocked. Default: `url` with `ws` for `http`. */
  webSocketUrl?: string | null;
  /** How long one request may take, milliseconds. Default: 10,000. */
  timeoutMs?: number;
  /** Further tries of a request that was not answered, or with 429, 502, 503 or 504. Default: 2. */
  retries?: number;
  /** Between two questions about a job, milliseconds. Default: 1,000. */
  pollMs?: number;
  /** Results that are kept, and for how long. Default: 500 for a minute. `false`: none. */
  cache?: { max?: number; ttlMs?: number } | false;
}

export interface PersonalizeImageCall {
  /** Generation options, as in the API. */
  options?: Omit<PersonalizeImageOptions, "waitMs">;
  /** Stops waiting; the image is generated all the same. */
  signal?: AbortSignal;
  /** Called while the image is generated. */
  onProgress?: (progress: Progress) => void;
  /** How long to wait for an image that is generated, milliseconds. Default: 120,000. */
  patienceMs?: number;
}

/** Longest wait in the request itself: most images of a small model pack are there by then. */
const WAIT_MS = 2_000;

export class VitrineClient {
  readonly #transport: Transport;
  readonly #follower: JobFollower;
  readonly #shelf = new Shelf<OutcomeFragment>();
  readonly #cache: ResultCache<PersonalizedResult> | null;
  readonly #running = new Map<string, Shared>();
  readonly #url: string;

  constructor(options: ClientOptions) {
    const { cache = {}, credentials = "", fetch = globalThis.fetch, url } = options;
    this.#url = url;
    this.#transport = new Transport({
      url,
      credentials,
      fetch: (...call) => fetch(...call), // a browser's own fetch must not be called as a method
      timeoutMs: options.timeoutMs ?? 10_000,
      retries: options.retries ?? 2,
    });
    this.#follower = new JobFollower(this.#transport, {
      webSocketUrl: options.webSocketUrl === undefined ? webSocketUrlOf(url) : options.webSocketUrl,
      webSocket: options.WebSocket ?? (globalThis as { WebSocket?: unknown }).WebSocket,
      pollMs: options.pollMs ?? 1_000,
    });
    this.#cache = cache === false ? null : new ResultCache(cache.max ?? 500, cache.ttlMs ?? 60_000);
  }

  /**
   * The item's image for the shopper, once it is there. Calls of one moment share a request, and equal ones their answer.
   *
   * @throws VitrineError; or the reason of `signal`
   */
  personalizeImage(
    userId: string,
    itemId: string,
    { options = {}, signal, onProgress, patienceMs = 120_000 }: PersonalizeImageCall = {},
  ): Promise<PersonalizedResult> {
    const group = `${JSON.stringify(userId)} ${canonical(options)}`;
    const key = `${group} ${itemId}`;
    const known = this.#cache?.get(key);
    if (signal?.aborted) {
      return Promise.reject(signal.reason as Error);
    }
    if (known) {
      return Promise.resolve(known);
    }
    let shared = this.#running.get(key);
    if (!shared) {
      const forget = () => this.#running.delete(key);
      shared = new Shared(
        (report, stop) => this.#personalize({ userId, itemId, options, group }, report, stop),
        forget,
      );
      this.#running.set(key, shared);
      shared.result.then(result => {
        forget();
        if (isLasting(result)) {
          this.#cache?.set(key, result);
        }
      }, forget);
    }
    return shared.join(onProgress, signal, patienceMs);
  }

  /** A page of the shopper's recommendations, best first, with catalogue images. @throws VitrineError */
  async recommendations(
    userId: string,
    call: { first?: number; after?: string; category?: string; signal?: AbortSignal } = {},
  ): Promise<Recommendations> {
    const { after = null, category = null, first = 20, signal } = call;
    const variables = { userId, first, after, category };
    const { recommendations } = await this.#transport.send(
      RecommendationsDocument,
      variables,
      signal,
    );
    return {
      source: recommendations.source,
      items: recommendations.edges.map(({ node, ...edge }) => ({
        ...node,
        ...edge,
        image: node.image && { ...node.image, url: this.absolute(node.image.url) },
      })),
      after: recommendations.pageInfo.hasNextPage ? recommendations.pageInfo.endCursor : null,
    };
  }

  /**
   * Records what shoppers did; their images and recommendations follow. Safe to repeat.
   *
   * @returns what was recorded, and the rows that were rejected with the reason of each
   * @throws VitrineError
   */
  async recordInteractions(
    interactions: readonly Interaction[],
    signal?: AbortSignal,
  ): Promise<RecordInteractionsMutation["recordInteractions"]> {
    const now = new Date().toISOString(); // of the call, not of its retries: a row is told from another by its time
    const input = interactions.map(row => ({ ...row, occurredAt: row.occurredAt ?? now }));
    const answer = await this.#transport.send(RecordInteractionsDocument, { input }, signal);
    for (const { userId } of interactions) {
      this.#cache?.clear(JSON.stringify(userId) + " ");
    }
    return answer.recordInteractions;
  }

  /** Sends an operation of your own. @throws VitrineError */
  request<Result = unknown, Variables = Record<string, unknown>>(
    document: TypedDocument<Result, Variables> | string,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Result> {
    return this.#transport.send(document, variables, signal);
  }

  /** The address of an image in another size or format, for `src` and `srcset`. */
  imageUrl(url: string, size: ImageSize): string {
    return imageUrl(this.absolute(url), size);
  }

  /** Ends the websocket, and forgets the results. A later call opens another. */
  close(): void {
    this.#follower.close();
    this.#cache?.clear();
  }

  /** Addresses of images are relative where the API does not know its public address. */
  private absolute(url: string): string {
    return URL.canParse(this.#url) ? new URL(url, this.#url).href : url;
  }

  async #personalize(
    { group, itemId, options, userId }: Wanted,
    report: (progress: Progress) => void,
    stop: AbortSignal,
  ): Promise<PersonalizedResult> {
    const absolute = (url: string) => this.absolute(url);
    let outcome = await this.#shelf.ask(group, itemId, itemIds =>
      this.#send(userId, itemIds, options),
    );
    if (outcome.__typename === "JobRunning") {
      const told = (state: JobState) => {
        report({ ...state, previewUrl: state.previewUrl && absolute(state.previewUrl) });
      };
      const job = await this.#follower.follow(outcome.job.id, told, stop);
      if (!job.outcome) {
        const gone = "The job ended without an image: the item or its image was deleted";
        throw new VitrineError(job.errorCode ?? clientCodes.noResult, job.errorMessage ?? gone);
      }
      outcome = job.outcome;
    }
    return imageResult(outcome, absolute);
  }

  async #send(
    userId: string,
    itemIds: readonly string[],
    options: Options,
  ): Promise<readonly (OutcomeFragment | VitrineError)[]> {
    const ids = [...new Set(itemIds)];
    if (ids.length === 1) {
      const waiting = { ...options, waitMs: WAIT_MS };
      const variables = { userId, itemId: ids[0], options: waiting };
      const { personalizeImage } = await this.#transport.send(PersonalizeImageDocument, variables);
      return itemIds.map(() => personalizeImage);
    }
    const variables = { userId, itemIds: ids, options };
    const { personalizeImages } = await this.#transport.send(PersonalizeImagesDocument, variables);
    return itemIds.map(id => {
      const { errorCode, errorMessage, result } = personalizeImages[ids.indexOf(id)];
      return (
        result ??
        new VitrineError(errorCode ?? "INTERNAL_SERVER_ERROR", errorMessage ?? "No result")
      );
    });
  }
}

type Options = NonNullable<PersonalizeImageCall["options"]>;

interface Wanted {
  userId: string;
  itemId: string;
  options: Options;
  group: string;
}

/** One generation that several callers wait for. It is stopped when the last of them has left. */
class Shared {
  readonly result: Promise<PersonalizedResult>;
  readonly #listeners = new Set<(progress: Progress) => void>();
  readonly #stopping = new AbortController();
  #numWaiting = 0;

  constructor(
    run: (report: (progress: Progress) => void, stop: AbortSignal) => Promise<PersonalizedResult>,
    private readonly forget: () => void,
  ) {
    this.result = run(progress => {
      this.#listeners.forEach(listener => {
        listener(progress);
      });
    }, this.#stopping.signal);
  }

  join(
    onProgress: ((progress: Progress) => void) | undefined,
    signal: AbortSignal | undefined,
    patienceMs: number,
  ): Promise<PersonalizedResult> {
    this.#numWaiting++;
    if (onProgress) {
      this.#listeners.add(onProgress);
    }
    return new Promise<PersonalizedResult>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new VitrineError(clientCodes.timeout, "The image is still being generated"));
      }, patienceMs);
      const abort = () => {
        reject(signal!.reason as Error);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      };
      this.result.then(resolve, reject).finally(leave);
    }).finally(() => {
      if (onProgress) {
        this.#listeners.delete(onProgress);
      }
      if (--this.#numWaiting === 0) {
        this.forget(); // before it fails: a new caller starts anew
        this.#stopping.abort();
      }
    });
  }
}

/** Whether the same request would be answered the same in a minute. */
function isLasting(result: PersonalizedResult): boolean {
  return (
    result.kind === "PERSONALIZED" || (result.retryAt === null && result.reason !== "CANCELLED")
  );
}

/** The same text for the same options in any order. */
function canonical(options: object): string {
  return JSON.stringify(
    Object.entries(options)
      .filter(([, value]) => value !== undefined && value !== null)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

function webSocketUrlOf(url: string): string | null {
  return /^https?:/.test(url) ? url.replace(/^http/, "ws") : null;
}
