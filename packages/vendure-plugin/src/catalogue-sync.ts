/**
 * @file Sends products to Vitrine through Vendure's job queue.
 *
 * A job names products; it reads them when it runs. So an event that comes twice, late or out of order sends the same state again,
 * and a job that failed is tried again. The full synchronisation is a chain of jobs, each of which queues the next.
 */
import { Inject, Injectable, type OnModuleInit } from "@nestjs/common";
import { type ID, type Job, type JobQueue, JobQueueService, Logger } from "@vendure/core";
import { VitrineError } from "@vitrine/client";
import { ItemIdDocument, type ItemInput, UpsertItemsDocument } from "./api/operations";
import { CatalogueReader } from "./catalogue-reader";
import { type Settings, VITRINE_SETTINGS } from "./options";
import { bytesOf, fitting } from "./request-size";
import { loggerContext, VitrineService } from "./vitrine.service";

/** `products`: these. `all`: those after `after`, then the rest. `start`: all, if Vitrine lacks the last. */
type CatalogueJob =
  { kind: "products"; ids: ID[] } | { kind: "all"; after: ID | null } | { kind: "start" };

/** Vitrine takes 1 MiB in a request, and 100 images. */
const MAX_BYTES = 900_000;
const MAX_ITEMS = 20;

@Injectable()
export class CatalogueSync implements OnModuleInit {
  private queue!: JobQueue<CatalogueJob>;

  constructor(
    private readonly jobQueues: JobQueueService,
    private readonly reader: CatalogueReader,
    private readonly vitrine: VitrineService,
    @Inject(VITRINE_SETTINGS) private readonly settings: Settings,
  ) {}

  async onModuleInit(): Promise<void> {
    this.queue = await this.jobQueues.createQueue<CatalogueJob>({
      name: "vitrine-catalogue",
      process: job => this.run(job),
    });
  }

  async queueProducts(ids: readonly ID[]): Promise<void> {
    const different = [...new Set(ids)];
    for (let start = 0; start < different.length; start += this.settings.batchSize) {
      await this.add({
        kind: "products",
        ids: different.slice(start, start + this.settings.batchSize),
      });
    }
  }

  /** Sends the whole catalogue. */
  async queueAll(): Promise<void> {
    await this.add({ kind: "all", after: null });
  }

  /** Sends the whole catalogue if Vitrine lacks the last product. */
  async queueStart(): Promise<void> {
    await this.add({ kind: "start" });
  }

  private async add(data: CatalogueJob): Promise<void> {
    await this.queue.add(data, { retries: this.settings.retries });
  }

  private async run({ data }: Job<CatalogueJob>): Promise<unknown> {
    switch (data.kind) {
      case "products":
        return this.send(data.ids);
      case "start":
        return (await this.isComplete()) ? "Vitrine has the last product" : this.queueAll();
      case "all": {
        const ids = await this.reader.idsAfter(data.after, this.settings.batchSize);
        const sent = await this.send(ids);
        if (ids.length === this.settings.batchSize) {
          await this.add({ kind: "all", after: ids[ids.length - 1] });
        }
        return sent;
      }
    }
  }

  private async isComplete(): Promise<boolean> {
    const last = await this.reader.lastId();
    if (last === null) {
      return true;
    }
    try {
      await this.vitrine.jobs.request(ItemIdDocument, { id: String(last) });
      return true;
    } catch (error) {
      if (error instanceof VitrineError && error.code === "ITEM_NOT_FOUND") {
        return false;
      }
      throw error;
    }
  }

  private async send(ids: readonly ID[]): Promise<{ sent: number; rejected: number }> {
    const report = { sent: 0, rejected: 0 };
    let batch: ItemInput[] = [];
    let numBytes = 0;
    const flush = async () => {
      if (batch.length > 0) {
        report.rejected += await this.upsert(batch);
        report.sent += batch.length;
      }
      batch = [];
      numBytes = 0;
    };
    for await (const read of this.reader.items(ids)) {
      const { item, leftOut } = fitting(read, MAX_BYTES);
      if (leftOut.length > 0) {
        Logger.warn(
          `Product ${item.id} has more images than a request takes; without: ${leftOut.join(", ")}`,
          loggerContext,
        );
      }
      const numItemBytes = bytesOf(item);
      if (numBytes + numItemBytes > MAX_BYTES || batch.length === MAX_ITEMS) {
        await flush();
      }
      batch.push(item);
      numBytes += numItemBytes;
    }
    await flush();
    return report;
  }

  /** @returns the number of rejected rows, which the log names: to send them again would not help. */
  private async upsert(input: ItemInput[]): Promise<number> {
    const { upsertItems } = await this.vitrine.jobs.request(UpsertItemsDocument, { input });
    const { imagesFailed, rejected } = upsertItems;
    for (const { code, index, message } of [...rejected, ...imagesFailed]) {
      Logger.warn(`Product ${input[index].id}: ${code}: ${message}`, loggerContext);
    }
    return rejected.length;
  }
}
