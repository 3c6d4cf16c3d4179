/** @file The common part of trained models' versions: start, lookup, completion, failure, and one active version. */
import type { Prisma, PrismaClient } from "./generated/client.js";
import { afterInTime, type PageRequest } from "./keyset.js";
import type { PersonalizerVersionRow, RankingModelVersionRow } from "./rows.js";
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

/** What is known of a version when its training starts. */
interface Start<Config> {
  id: string;
  seed: number;
  config: Config;
}

/** The used part of Prisma's delegate of such a table. */
interface VersionTable<Row, Own> {
  upsert(args: {
    where: { id: string };
    create: Start<Prisma.InputJsonObject> & Own;
    update: Changes;
  }): Prisma.PrismaPromise<Row>;
  findMany(args: {
    where: ReturnType<typeof afterInTime>;
    orderBy: [{ createdAt: "desc" }, { id: "desc" }];
    take: number;
  }): Prisma.PrismaPromise<Row[]>;
  findUnique(args: { where: { id: string } }): Prisma.PrismaPromise<Row | null>;
  findFirst(args: {
    where: Filter;
    orderBy?: [{ activatedAt: "desc" }, { id: "desc" }];
  }): Prisma.PrismaPromise<Row | null>;
  update(args: { where: { id: string; state?: State }; data: Changes }): Prisma.PrismaPromise<Row>;
  updateMany(args: { where: Filter; data: Changes }): Prisma.PrismaPromise<unknown>;
}

/** @typeParam Own The columns that only versions of this kind of model have. */
export class VersionsRepository<Row extends { activatedAt: Date | null }, Own> {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly table: VersionTable<Row, Own>,
  ) {}

  /** Records the start of a training; restarts a version with this id that is not ready. */
  async begin(version: Start<object> & Own): Promise<Row> {
    const config = version.config as Prisma.InputJsonObject; // an interface has no index signature
    return this.table.upsert({
      where: { id: version.id },
      create: { ...version, config },
      update: { state: "TRAINING", failure: null },
    });
  }

  /** Newest first. */
  async findPage({ limit, after }: PageRequest<Date>): Promise<Row[]> {
    return this.table.findMany({
      where: afterInTime(after),
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }

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
    // Later than every other one, also if the clock was set back: rolling back goes by this order.
    const last = await this.findPrevious();
    const active = await this.findActive();
    const latest = Math.max(...[last, active].map(row => row?.activatedAt?.getTime() ?? 0));
    const activatedAt = new Date(Math.max(Date.now(), latest + 1));
    const [, version] = await this.prisma.$transaction([
      this.table.updateMany({
        where: { isActive: true, id: { not: id } },
        data: { isActive: false },
      }),
      this.table.update({
        where: { id, state: "READY" },
        data: { isActive: true, activatedAt },
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

/** The columns that only versions of the ranking model have. */
export type RankingModelColumns = Pick<RankingModelVersionRow, "algorithm">;
/** The columns that only versions of the personalizer have. */
export type PersonalizerColumns = Pick<
  PersonalizerVersionRow,
  "generator" | "rankingModelVersionId"
>;

export function rankingModelVersions(prisma: PrismaClient) {
  return new VersionsRepository<RankingModelVersionRow, RankingModelColumns>(
    prisma,
    prisma.rankingModelVersion,
  );
}

export function personalizerVersions(prisma: PrismaClient) {
  return new VersionsRepository<PersonalizerVersionRow, PersonalizerColumns>(
    prisma,
    prisma.personalizerVersion,
  );
}
