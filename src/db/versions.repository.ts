/** @file What the versions of every trained model have in common: begun, found, completed or failed, and one of them active. */
import type { Prisma, PrismaClient } from "./generated/client.js";
import { isUuid } from "./uuid.js";

type State = "TRAINING" | "READY" | "FAILED";

interface Filter {
  id?: string | { not: string };
  isActive?: boolean;
  state?: State;
  activatedAt?: { not: null };
}

interface Changes {
  state?: State;
  isActive?: boolean;
  failure?: string | null;
  metrics?: object;
  dataHash?: string;
  artefactPath?: string;
  trainedAt?: Date;
  activatedAt?: Date | null;
}

/** The calls of Prisma's delegate of such a table that are made here. */
export interface VersionTable<Row> {
  findUnique(args: { where: { id: string } }): Prisma.PrismaPromise<Row | null>;
  findFirst(args: {
    where: Filter;
    orderBy?: [{ activatedAt: "desc" }, { id: "desc" }];
  }): Prisma.PrismaPromise<Row | null>;
  update(args: { where: { id: string; state?: State }; data: Changes }): Prisma.PrismaPromise<Row>;
  updateMany(args: { where: Filter; data: Changes }): Prisma.PrismaPromise<unknown>;
}

export abstract class VersionsRepository<Row> {
  protected constructor(
    protected readonly prisma: PrismaClient,
    private readonly table: VersionTable<Row>,
  ) {}

  async findById(id: string): Promise<Row | null> {
    return isUuid(id) ? this.table.findUnique({ where: { id } }) : null;
  }

  async findActive(): Promise<Row | null> {
    return this.table.findFirst({ where: { isActive: true } });
  }

  /** The version that served before the active one: the ready one activated last among the others. */
  async findPrevious(): Promise<Row | null> {
    return this.table.findFirst({
      where: { isActive: false, state: "READY", activatedAt: { not: null } },
      orderBy: [{ activatedAt: "desc" }, { id: "desc" }],
    });
  }

  async complete(
    id: string,
    outcome: { metrics: object; dataHash: string; artefactPath: string },
  ): Promise<Row> {
    return this.table.update({
      where: { id },
      data: { ...outcome, state: "READY", failure: null, trainedAt: new Date() },
    });
  }

  async fail(id: string, failure: string): Promise<void> {
    await this.table.updateMany({
      where: { id, state: "TRAINING" },
      data: { state: "FAILED", failure },
    });
  }

  /** Makes one ready version the active one, and no other. */
  async activate(id: string): Promise<Row> {
    const [, version] = await this.prisma.$transaction([
      this.table.updateMany({
        where: { isActive: true, id: { not: id } },
        data: { isActive: false },
      }),
      this.table.update({
        where: { id, state: "READY" },
        data: { isActive: true, activatedAt: new Date() },
      }),
    ]);
    return version;
  }

  /** Makes the previous version active again and forgets that the current one was, so the next rollback goes further back. */
  async rollBack(currentId: string, previousId: string): Promise<Row> {
    const [, version] = await this.prisma.$transaction([
      this.table.update({
        where: { id: currentId },
        data: { isActive: false, activatedAt: null },
      }),
      this.table.update({
        where: { id: previousId, state: "READY" },
        data: { isActive: true },
      }),
    ]);
    return version;
  }
}
