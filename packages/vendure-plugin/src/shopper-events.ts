/**
 * @file What shoppers do, sent to Vitrine through Vendure's job queue.
 *
 * An interaction has the time of what happened, so one that is sent twice counts once. A guest becomes a customer at login.
 */
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from "@nestjs/common";
import {
  CacheService,
  Customer,
  CustomerEvent,
  CustomerService,
  EventBus,
  type ID,
  type JobQueue,
  JobQueueService,
  Logger,
  LoginEvent,
  Order,
  OrderLineEvent,
  OrderPlacedEvent,
  ProductVariant,
  type RequestContext,
  TransactionalConnection,
} from "@vendure/core";
import { DeleteUserDocument, MergeUsersDocument } from "./api/operations";
import { type Settings, VITRINE_SETTINGS } from "./options";
import { customerIdOf, customerUserId, guestUserId, Shoppers } from "./shopper";
import { loggerContext, VitrineService } from "./vitrine.service";

// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- a queue takes types only, as plain JSON
type Row = {
  userId: string;
  itemId: string;
  kind: "VIEW" | "CART" | "PURCHASE";
  occurredAt: string;
  weight: number;
};

export type ShopperJob =
  | { kind: "record"; rows: Row[] }
  | { kind: "merge"; from: string; into: string }
  | { kind: "erase"; userId: string };

/** How long a guest's late interactions are known to be the customer's. */
const MERGED_TTL_MS = 7 * 24 * 3_600_000;

@Injectable()
export class ShopperEvents implements OnModuleInit, OnApplicationBootstrap {
  private queue!: JobQueue<ShopperJob>;

  // eslint-disable-next-line max-params -- Nest injects by parameters
  constructor(
    private readonly jobQueues: JobQueueService,
    private readonly events: EventBus,
    private readonly shoppers: Shoppers,
    private readonly customers: CustomerService,
    private readonly connection: TransactionalConnection,
    private readonly cache: CacheService,
    private readonly vitrine: VitrineService,
    @Inject(VITRINE_SETTINGS) private readonly settings: Settings,
  ) {}

  async onModuleInit(): Promise<void> {
    this.queue = await this.jobQueues.createQueue<ShopperJob>({
      name: "vitrine-shoppers",
      process: ({ data }) => this.run(data),
    });
  }

  onApplicationBootstrap(): void {
    this.events.ofType(OrderLineEvent).subscribe(event => {
      this.guarded("OrderLineEvent", () => this.onCart(event));
    });
    this.events.ofType(OrderPlacedEvent).subscribe(({ ctx, order }) => {
      this.guarded("OrderPlacedEvent", () => this.onOrder(ctx, order.id));
    });
    this.events.ofType(LoginEvent).subscribe(event => {
      this.guarded("LoginEvent", () => this.onLogin(event));
    });
    this.events.ofType(CustomerEvent).subscribe(({ entity, type }) => {
      if (type === "deleted") {
        const userId = customerUserId(entity.id);
        this.guarded("CustomerEvent", () => this.add({ kind: "erase", userId }));
      }
    });
  }

  /** @returns whether there is a shopper who viewed it. */
  async recordView(ctx: RequestContext, productId: ID): Promise<boolean> {
    const userId = await this.shoppers.of(ctx);
    if (userId === null) {
      return false;
    }
    const occurredAt = new Date().toISOString();
    const row = { userId, itemId: String(productId), kind: "VIEW", occurredAt, weight: 1 } as const;
    await this.add({ kind: "record", rows: [row] });
    return true;
  }

  private guarded(name: string, handle: () => Promise<void>): void {
    handle().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      Logger.error(`${name} could not be queued: ${reason}`, loggerContext);
    });
  }

  private async add(data: ShopperJob): Promise<void> {
    await this.queue.add(data, { retries: this.settings.retries });
  }

  private async onCart({ ctx, orderLine, type }: OrderLineEvent): Promise<void> {
    const userId = type === "created" ? await this.shoppers.of(ctx) : null;
    const variants = this.connection.rawConnection.getRepository(ProductVariant);
    const variant =
      userId && (await variants.findOne({ where: { id: orderLine.productVariantId } }));
    if (userId && variant) {
      const occurredAt = new Date(orderLine.createdAt).toISOString();
      const itemId = String(variant.productId);
      await this.add({
        kind: "record",
        rows: [{ userId, itemId, kind: "CART", occurredAt, weight: 1 }],
      });
    }
  }

  /** An order may be placed by a payment's webhook: its customer counts, and the session only for one who has no account. */
  private async onOrder(ctx: RequestContext, orderId: ID): Promise<void> {
    const order = await this.connection.rawConnection.getRepository(Order).findOne({
      where: { id: orderId },
      relations: { customer: { user: true }, lines: { productVariant: true } },
    });
    const customerId = order?.customer ? customerUserId(order.customer.id) : null;
    const userId = order?.customer?.user ? customerId : (guestUserId(ctx) ?? customerId);
    if (!order || userId === null) {
      return;
    }
    const occurredAt = new Date(order.orderPlacedAt ?? order.updatedAt).toISOString();
    const rows = order.lines
      .filter(({ quantity }) => quantity > 0)
      .map(({ productVariant, quantity }): Row => {
        const itemId = String(productVariant.productId);
        return { userId, itemId, kind: "PURCHASE", occurredAt, weight: quantity };
      });
    if (rows.length > 0) {
      await this.add({ kind: "record", rows });
    }
  }

  private async onLogin({ ctx, user }: LoginEvent): Promise<void> {
    const from = ctx.apiType === "shop" ? guestUserId(ctx) : null;
    const customer = from === null ? undefined : await this.customers.findOneByUserId(ctx, user.id);
    if (from !== null && customer) {
      await this.add({ kind: "merge", from, into: customerUserId(customer.id) });
    }
  }

  /** Runs a job of the queue. @returns its result, for the list of jobs */
  async run(data: ShopperJob): Promise<unknown> {
    switch (data.kind) {
      case "record":
        return this.record(data.rows);
      case "merge":
        return this.merge(data.from, data.into);
      case "erase":
        return this.vitrine.jobs.request(DeleteUserDocument, { userId: data.userId });
    }
  }

  private async record(rows: readonly Row[]): Promise<unknown> {
    const known: Row[] = [];
    for (const row of rows) {
      const userId = (await this.cache.get<string>(mergedKey(row.userId))) ?? row.userId;
      if (!(await this.isErased(userId))) {
        known.push({ ...row, userId });
      }
    }
    if (known.length === 0) {
      return "the shopper was erased";
    }
    const { rejected, ...report } = await this.vitrine.jobs.recordInteractions(known);
    for (const { code, index, message } of rejected) {
      // A product that Vitrine does not have yet comes with the catalogue: the job is tried again.
      if (code === "ITEM_NOT_FOUND") {
        throw new Error(`Vitrine has no product ${known[index].itemId} yet`);
      }
      Logger.warn(`Interaction with ${known[index].itemId}: ${code}: ${message}`, loggerContext);
    }
    return report;
  }

  private async merge(from: string, into: string): Promise<unknown> {
    if (await this.isErased(into)) {
      return this.vitrine.jobs.request(DeleteUserDocument, { userId: from });
    }
    await this.cache.set(mergedKey(from), into, { ttl: MERGED_TTL_MS });
    return this.vitrine.jobs.request(MergeUsersDocument, { from, into });
  }

  /** What comes late must not bring an erased customer back. */
  private async isErased(userId: string): Promise<boolean> {
    const id = customerIdOf(userId);
    if (id === null) {
      return false;
    }
    const customers = this.connection.rawConnection.getRepository(Customer);
    const customer = await customers.findOne({ where: { id } });
    return customer?.deletedAt !== null; // nor is there one
  }
}

function mergedKey(userId: string): string {
  return `vitrine-merged:${userId}`;
}
