/** @file The common part of trained models' versions: start, lookup, completion, failure, and one active version. */
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

/** The used part of Prisma's delegate of such a table. */
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

  /** The previously active version: the ready one activated last among the others. */
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

  /** Activates one ready version and deactivates the others. */
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

  /** Activates the previous version and clears the current one's activation, so the next rollback goes further back. */
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
