/** @file Versions of the trained preference: what was trained, how well it did, and which one serves. */
import type { Prisma, PrismaClient } from "./generated/client.js";
import { afterInTime, type PageRequest } from "./keyset.js";
import type { PersonalizerVersionRow } from "./rows.js";
import { isUuid } from "./uuid.js";

export class PersonalizerVersionsRepository {
  constructor(private readonly prisma: PrismaClient) {}

  /** Records that training began; a version with this id that is not yet ready begins again. */
  async begin(version: {
    id: string;
    config: object;
    seed: number;
    generator: string;
    rankingModelVersionId: string;
  }): Promise<PersonalizerVersionRow> {
    const config = version.config as Prisma.InputJsonObject; // an interface has no index signature
    return this.prisma.personalizerVersion.upsert({
      where: { id: version.id },
      create: { ...version, config },
      update: { state: "TRAINING", failure: null },
    });
  }

  async findById(id: string): Promise<PersonalizerVersionRow | null> {
    return isUuid(id) ? this.prisma.personalizerVersion.findUnique({ where: { id } }) : null;
  }

  /** Newest first. */
  findPage({ limit, after }: PageRequest<Date>): Promise<PersonalizerVersionRow[]> {
    return this.prisma.personalizerVersion.findMany({
      where: afterInTime(after),
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }

  findActive(): Promise<PersonalizerVersionRow | null> {
    return this.prisma.personalizerVersion.findFirst({ where: { isActive: true } });
  }

  /** The version that served before the active one: the ready one activated last among the others. */
  findPrevious(): Promise<PersonalizerVersionRow | null> {
    return this.prisma.personalizerVersion.findFirst({
      where: { isActive: false, state: "READY", activatedAt: { not: null } },
      orderBy: [{ activatedAt: "desc" }, { id: "desc" }],
    });
  }

  async complete(
    id: string,
    outcome: { metrics: object; dataHash: string; artefactPath: string },
  ): Promise<PersonalizerVersionRow> {
    return this.prisma.personalizerVersion.update({
      where: { id },
      data: { ...outcome, state: "READY", failure: null, trainedAt: new Date() },
    });
  }

  async fail(id: string, failure: string): Promise<void> {
    await this.prisma.personalizerVersion.updateMany({
      where: { id, state: "TRAINING" },
      data: { state: "FAILED", failure },
    });
  }

  /** Makes one ready version the active one, and no other. */
  async activate(id: string): Promise<PersonalizerVersionRow> {
    const [, version] = await this.prisma.$transaction([
      this.prisma.personalizerVersion.updateMany({
        where: { isActive: true, id: { not: id } },
        data: { isActive: false },
      }),
      this.prisma.personalizerVersion.update({
        where: { id, state: "READY" },
        data: { isActive: true, activatedAt: new Date() },
      }),
    ]);
    return version;
  }

  /** Makes the previous version active again and forgets that the current one was, so the next rollback goes further back. */
  async rollBack(currentId: string, previousId: string): Promise<PersonalizerVersionRow> {
    const [, version] = await this.prisma.$transaction([
      this.prisma.personalizerVersion.update({
        where: { id: currentId },
        data: { isActive: false, activatedAt: null },
      }),
      this.prisma.personalizerVersion.update({
        where: { id: previousId, state: "READY" },
        data: { isActive: true },
      }),
    ]);
    return version;
  }
}
