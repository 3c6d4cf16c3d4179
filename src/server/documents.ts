/**
 * @file The documents of requests: those that passed validation, and a queue of those that are not known yet.
 *
 * Parsing and validating a document takes up to some milliseconds of the one thread. Many new ones at once would stop all
 * other requests, so they are admitted one at a time, with a rest between them. Callers take turns, so
 * that one who sends many delays only itself.
 */
import { createHash } from "node:crypto";
import { type DocumentNode, GraphQLError, parse } from "graphql";
import { LRUCache } from "lru-cache";
import { AppError } from "../errors/app-error.js";
import { maxTokens, refusedShape } from "../plugin/limit-rules.js";
import { waitingOf } from "../recsys/jobs/waiting-places.js";
import type { RequestContext } from "../resolvers/context.js";

/** Validated documents kept, by their number and the length of their texts. */
const MAX_DOCUMENTS = 10_000;
const MAX_CHARACTERS = 4 * 2 ** 20;

/** Other requests get five times the time that new documents take, so that few of them have to wait for one. */
const REST_FACTOR = 5;
const MAX_REST_MS = 30;

export interface DocumentLimits {
  /** Requests that may wait for a turn. */
  ofProcess: number;
  /** Different documents of one caller that may wait. */
  ofCaller: number;
}

export const defaultDocumentLimits: DocumentLimits = { ofProcess: 4_000, ofCaller: 200 };

/** What starts a waiting request, by the hash of its document. */
type Queue = Map<string, (() => void)[]>;

export class Documents {
  private readonly valid = new LRUCache<string, DocumentNode>({
    max: MAX_DOCUMENTS,
    maxSize: MAX_CHARACTERS,
    sizeCalculation: ({ loc }) => Math.max(1, loc?.source.body.length ?? 0),
  });
  /** By caller, the one whose turn is next first. */
  private readonly queues = new Map<string, Queue>();
  private numWaiting = 0;
  private isBusy = false;

  constructor(private readonly limits: DocumentLimits = defaultDocumentLimits) {}

  /**
   * Returns at once for a document that is known to be valid. Otherwise waits for its turn: the caller then parses and
   * validates it before it awaits anything else.
   *
   * @param caller tells callers apart
   * @throws AppError `TOO_MANY_DOCUMENTS` if too many wait
   * @throws GraphQLError `GRAPHQL_VALIDATION_FAILED`, with its HTTP status, if the shape is refused
   */
  async admit(query: string, caller: string): Promise<void> {
    const hash = hashOf(query);
    if (this.valid.has(hash)) {
      return;
    }
    await this.turn(hash, caller);
    if (this.valid.has(hash)) {
      return;
    }
    const fault = shapeFaultOf(query);
    if (fault) {
      throw fault;
    }
  }

  /** The validated document of a text. */
  find(query: string): DocumentNode | undefined {
    return this.valid.get(hashOf(query));
  }

  /** Keeps a document that passed validation. */
  keep(query: string, document: DocumentNode): void {
    this.add(hashOf(query), document);
  }

  // ── as Apollo Server's document store: its keys end with the text's SHA-256 ──

  async get(key: string): Promise<DocumentNode | undefined> {
    return this.valid.get(key.slice(-HASH_LENGTH));
  }

  async set(key: string, document: DocumentNode): Promise<void> {
    this.add(key.slice(-HASH_LENGTH), document);
  }

  async delete(key: string): Promise<boolean> {
    return this.valid.delete(key.slice(-HASH_LENGTH));
  }

  /** Adds a document. All that wait with the same one need no turn any more. */
  private add(hash: string, document: DocumentNode): void {
    this.valid.set(hash, document);
    for (const [caller, queue] of this.queues) {
      const waiting = queue.get(hash);
      if (waiting) {
        queue.delete(hash);
        this.numWaiting -= waiting.length;
        if (queue.size === 0) {
          this.queues.delete(caller);
        }
        waiting.forEach(admit => {
          admit();
        });
      }
    }
  }

  private turn(hash: string, caller: string): Promise<void> | undefined {
    if (!this.isBusy) {
      this.isBusy = true;
      this.scheduleTurn();
      return undefined;
    }
    const queue: Queue = this.queues.get(caller) ?? new Map<string, (() => void)[]>();
    const waiting = queue.get(hash) ?? [];
    const { ofCaller, ofProcess } = this.limits;
    if (waiting.length === 0 && queue.size >= ofCaller) {
      throw new AppError("TOO_MANY_DOCUMENTS", { max: ofCaller });
    }
    if (this.numWaiting >= ofProcess) {
      throw new AppError("TOO_MANY_DOCUMENTS", { max: ofProcess });
    }
    this.queues.set(caller, queue.set(hash, waiting));
    this.numWaiting++;
    return new Promise(admit => waiting.push(admit));
  }

  /** The next turn, after a rest for what the last one took. */
  private scheduleTurn(): void {
    const startMs = performance.now();
    setImmediate(() => {
      const restMs = REST_FACTOR * (performance.now() - startMs);
      setTimeout(
        () => {
          const admit = this.takeNext();
          this.isBusy = admit !== undefined;
          if (admit) {
            this.scheduleTurn();
            admit();
          }
        },
        Math.min(restMs, MAX_REST_MS),
      );
    });
  }

  /** Of the caller who has waited longest; its other documents, and other callers, come before the same one's next. */
  private takeNext(): (() => void) | undefined {
    for (const [caller, queue] of this.queues) {
      for (const [hash, waiting] of queue) {
        const admit = waiting.shift();
        this.numWaiting--;
        queue.delete(hash);
        if (waiting.length > 0) {
          queue.set(hash, waiting);
        }
        this.queues.delete(caller);
        if (queue.size > 0) {
          this.queues.set(caller, queue);
        }
        return admit;
      }
    }
    return undefined;
  }
}

/** The name that tells a request's caller apart; those without credentials are one. */
export function callerOf({ viewer }: Pick<RequestContext, "viewer">): string {
  if (!viewer) {
    return "";
  }
  const { kind, name } = waitingOf(viewer);
  return `${kind} ${name}`;
}

const HASH_LENGTH = 64;

function hashOf(query: string): string {
  return createHash("sha256").update(query).digest("hex");
}

/** Null also for a text that cannot be parsed: whoever parses it next says why. */
function shapeFaultOf(query: string): GraphQLError | null {
  let document: DocumentNode;
  try {
    document = parse(query, { maxTokens });
  } catch {
    return null;
  }
  const fault = refusedShape(document);
  // Apollo Server answers a fault of the context with the status in its extensions, and does not tell it otherwise.
  const extensions = { ...fault?.extensions, http: { status: 400 } };
  return fault && new GraphQLError(fault.message, { nodes: fault.nodes, extensions });
}
