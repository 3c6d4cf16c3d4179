/** @file Follows a job to its end: by subscription over one websocket, or by asking where websockets are blocked. */
import type { Client } from "graphql-ws";
import { JobDocument, JobProgressDocument, type JobStateFragment } from "./api/operations.js";
import { delayMs, pause, type Transport } from "./transport.js";
import { type GraphQLFault, VitrineError } from "./vitrine-error.js";

export type JobState = JobStateFragment;

export interface FollowerOptions {
  /** Address of the websocket; null: ask. */
  webSocketUrl: string | null;
  /** Node 20 has none of its own. */
  webSocket: unknown;
  /** Between two questions about a job, milliseconds. */
  pollMs: number;
}

const endStates: readonly string[] = ["SUCCEEDED", "FAILED", "CANCELLED"];
/** A socket that is not acknowledged by then is blocked on its way. */
const ACKNOWLEDGE_MS = 5_000;
/** How long after a socket has failed the client asks instead. */
const BLOCKED_MS = 300_000;
/** How the API closes a socket whose token has expired. A request gets a fresh one, and so does the next socket. */
const FORBIDDEN_CODE = 4403;

export class JobFollower {
  #socket: Promise<Client> | null = null;
  #blockedUntil = 0;

  constructor(
    private readonly transport: Transport,
    private readonly options: FollowerOptions,
  ) {}

  /**
   * @param onState called with each state of the job, also the last
   * @throws VitrineError, or the signal's reason
   */
  async follow(
    id: string,
    onState: (state: JobState) => void,
    signal: AbortSignal,
  ): Promise<JobState> {
    const { webSocketUrl, webSocket } = this.options;
    if (webSocketUrl !== null && webSocket !== undefined && Date.now() >= this.#blockedUntil) {
      const last = await this.#subscribe(id, onState, signal);
      if (last) {
        return last;
      }
    }
    return this.#poll(id, onState, signal);
  }

  close(): void {
    void this.#socket?.then(socket => socket.dispose());
    this.#socket = null;
  }

  async #open(): Promise<Client> {
    const { createClient } = await import("graphql-ws");
    return createClient({
      url: this.options.webSocketUrl!,
      webSocketImpl: this.options.webSocket,
      connectionParams: async () => ({ authorization: `Bearer ${await this.transport.bearer()}` }),
      connectionAckWaitTimeout: ACKNOWLEDGE_MS,
      retryAttempts: 3,
      retryWait: tried => pause(delayMs(tried)),
    });
  }

  /** @returns null if the socket failed: the job may still run */
  async #subscribe(
    id: string,
    onState: (state: JobState) => void,
    signal: AbortSignal,
  ): Promise<JobState | null> {
    const socket = await (this.#socket ??= this.#open());
    return new Promise((resolve, reject) => {
      let last: JobState | null = null;
      const unsubscribe = socket.subscribe<{ jobProgress: JobState }>(
        { query: JobProgressDocument, variables: { id } },
        {
          next: ({ data, errors }) => {
            if (errors?.[0]) {
              reject(VitrineError.of(errors[0], 200));
            } else if (data) {
              last = data.jobProgress;
              onState(last);
            }
          },
          error: fault => {
            if (Array.isArray(fault)) {
              reject(VitrineError.of((fault as GraphQLFault[])[0], 200));
            } else {
              if ((fault as { code?: number }).code !== FORBIDDEN_CODE) {
                this.#blockedUntil = Date.now() + BLOCKED_MS;
              }
              resolve(null);
            }
          },
          complete: () => {
            resolve(last && endStates.includes(last.state) ? last : null);
          },
        },
      );
      const stop = () => {
        unsubscribe();
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  async #poll(
    id: string,
    onState: (state: JobState) => void,
    signal: AbortSignal,
  ): Promise<JobState> {
    for (;;) {
      const { job } = await this.transport.send(JobDocument, { id }, signal);
      onState(job);
      if (endStates.includes(job.state)) {
        return job;
      }
      await pause(this.options.pollMs, signal);
    }
  }
}
