/**
 * Live requests beside a batch of 1,000 pairs and a re-ranking, on two render threads: the real queue, worker and turns.
 * Renders end one by one when the test says so, and waiting is counted in renders, so no clock decides.
 */
import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { JobPriority, JobsRepository } from "../../../src/db/jobs.repository.js";
import type { RenderPriority } from "../../../src/ml/diffusion/image-generator.js";
import { RenderTurns } from "../../../src/ml/diffusion/render-turns.js";
import { Random } from "../../../src/ml/nn/random.js";
import type { Services } from "../../../src/plugin/create-services.js";
import { createWorker } from "../../../src/plugin/create-worker.js";
import type { PersonalizeImagePayload } from "../../../src/recsys/images/personalization.service.js";
import { JobEvents } from "../../../src/recsys/jobs/job-events.js";
import { JobService } from "../../../src/recsys/jobs/job.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";

const numThreads = 2;
const numPairs = 1_000;
const numLive = 50;
/** Live requests that come between the ends of two renders: 40 % of what the threads can draw, and two at once at times. */
const burstSizes = [0, 0, 1, 0, 2, 0, 0, 1, 0, 0];

/** Threads whose renders end when the test says so. */
class SteppedThreads {
  /** Names of renders in the order of their start. */
  readonly begun: string[] = [];
  /** Requested, and not ended. */
  readonly inHand = new Set<string>();
  numEnded = 0;
  private readonly turns = new RenderTurns(numThreads);
  private readonly running: (() => void)[] = [];
  private readonly events = new EventEmitter<{ begun: [] }>();

  async render(name: string, signal: AbortSignal, priority?: RenderPriority): Promise<void> {
    this.inHand.add(name);
    await this.turns.take(signal, priority);
    await new Promise<void>(resolve => {
      this.running.push(resolve);
      this.begun.push(name);
      this.events.emit("begun");
    });
    this.numEnded++;
    this.inHand.delete(name);
    this.turns.handOn();
  }

  /** Ends the oldest render, once all threads are busy. */
  async step(): Promise<void> {
    await this.untilBusy();
    this.running.shift()!();
  }

  async untilBusy(): Promise<void> {
    while (this.running.length < numThreads) {
      await once(this.events, "begun");
    }
  }

  /** Lets all renders end. */
  release(): void {
    const endAll = () => {
      this.running.splice(0).forEach(end => {
        end();
      });
    };
    this.events.on("begun", endAll);
    endAll();
  }
}

describeOnEveryDatabase("50 live requests beside a batch of 1,000 pairs", open => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) {
      await step();
    }
  });

  it("wait at most two renders for a thread (p95), whatever else is drawn", async () => {
    const { pool } = await open();
    const jobs = new JobsRepository(pool);
    const events = new JobEvents();
    const service = new JobService({ jobs, events });
    const threads = new SteppedThreads();
    const services = {
      jobRows: jobs,
      isOnlyProcess: true,
      events,
      renderThreads: numThreads,
      generation: {
        generate: async (
          { itemId }: PersonalizeImagePayload,
          { signal, priority }: { signal: AbortSignal; priority: RenderPriority },
        ) => {
          await threads.render(itemId, signal, priority);
          return { originalReason: "BELOW_QUALITY_FLOOR" };
        },
      },
    } as unknown as Services; // no other kind of job is asked for
    const logged: unknown[] = [];
    const logger = { error: (details: object) => logged.push(details) };
    const worker = createWorker(services, logger as never);
    const ask = (names: readonly string[], priority: number) =>
      service.requestMany(
        names.map(itemId => ({
          kind: "PERSONALIZE_IMAGE" as const,
          payload: imagePayload(itemId),
          dedupeKey: itemId,
          priority,
        })),
      );

    const pairs = Array.from({ length: numPairs }, (_, n) => `pair ${n}`);
    const asked = await ask(pairs, JobPriority.BATCH);
    expect(new Set(asked.map(({ job }) => job.id)).size).toBe(numPairs);
    await worker.start();
    undo.push(() => worker.stop());
    // A re-ranking keeps four requests of its own in the pool.
    const ended = new AbortController();
    const reranking = Array.from({ length: 4 }, async (_, slot) => {
      for (let n = 0; !ended.signal.aborted; n++) {
        await threads.render(`rerank ${slot}.${n}`, ended.signal, "batch");
      }
    });

    /** Workers have taken what they can: in production a render takes far longer than that. */
    const untilTakenUp = async () => {
      for (;;) {
        const { rows } = await pool.query<{ state: string; n: number }>(
          "SELECT state::text, count(*)::int AS n FROM jobs WHERE priority = 1 GROUP BY state",
        );
        const count = (state: string) => rows.find(row => row.state === state)?.n ?? 0;
        const inHand = [...threads.inHand].filter(name => name.startsWith("live")).length;
        const isIdle = count("QUEUED") === 0 || count("RUNNING") === 2 * numThreads;
        if (isIdle && count("RUNNING") === inHand) {
          return;
        }
        await sleep(2);
      }
    };

    undo.push(async () => {
      ended.abort();
      const rest =
        "UPDATE jobs SET state = 'CANCELLED', finished_at = now() WHERE state = 'QUEUED'";
      await pool.query(rest);
      threads.release();
      await Promise.allSettled(reranking);
    });

    const random = new Random(5);
    const askedAt = new Map<string, number>();
    const positions: (number | null)[] = [];
    while (
      askedAt.size < numLive ||
      ![...askedAt.keys()].every(name => threads.begun.includes(name))
    ) {
      const burst = burstSizes[Math.floor(random.uniform() * burstSizes.length)];
      for (let n = 0; n < burst && askedAt.size < numLive; n++) {
        const name = `live ${askedAt.size}`;
        await threads.untilBusy();
        const [{ job }] = await ask([name], JobPriority.LIVE);
        askedAt.set(name, threads.numEnded);
        positions.push((await service.get(job.id)).queuePosition);
      }
      await untilTakenUp();
      await threads.step();
    }
    const waits = [...askedAt].map(([name, numBefore]) => {
      const numEnded = threads.begun.indexOf(name) + 1 - numThreads; // when it began: all threads drew before
      return (numEnded - numBefore) / numThreads; // two threads end two renders in the time of one
    });
    waits.sort((a, b) => a - b);
    expect(waits).toHaveLength(numLive);
    expect(waits[Math.ceil(0.95 * numLive) - 1]).toBeLessThanOrEqual(2);
    // A live request never waits behind the batch.
    expect(Math.max(...positions.map(position => position ?? 0))).toBeLessThanOrEqual(5);
    // The batch continues while no live request waits.
    expect(threads.begun.filter(name => name.startsWith("pair")).length).toBeGreaterThan(5);
    expect(logged).toEqual([]);
  });
});
