/** @file Versions of the ranking model: what was trained, how well it did, and which one serves. */
import type { Prisma, PrismaClient } from "./generated/client.js";
import type { RankingModelVersionRow } from "./rows.js";
import { isUuid } from "./uuid.js";

export class RankingModelVersionsRepository {
  constructor(private readonly prisma: PrismaClient) {}

  /** Records that training began; a version with this id that is not yet ready begins again. */
  async begin(version: {
    id: string;
    algorithm: string;
    config: object;
    seed: number;
  }): Promise<RankingModelVersionRow> {
    const config = version.config as Prisma.InputJsonObject; // an interface has no index signature

    const again = { state: "TRAINING" as const, failure: null };
    return this.prisma.rankingModelVersion.upsert({
      where: { id: version.id },
      create: { ...version, config },
      update: again,
    });
  }

  async findById(id: string): Promise<RankingModelVersionRow | null> {
    return isUuid(id) ? this.prisma.rankingModelVersion.findUnique({ where: { id } }) : null;
  }

  findActive(): Promise<RankingModelVersionRow | null> {
    return this.prisma.rankingModelVersion.findFirst({ where: { isActive: true } });
  }

  /** The version that served before the active one: the ready one activated last among the others. */
  findPrevious(): Promise<RankingModelVersionRow | null> {
    return this.prisma.rankingModelVersion.findFirst({
      where: { isActive: false, state: "READY", activatedAt: { not: null } },
      orderBy: [{ activatedAt: "desc" }, { id: "desc" }],
    });
  }

  async complete(
    id: string,
    outcome: { metrics: object; dataHash: string; artefactPath: string },
  ): Promise<RankingModelVersionRow> {
    return this.prisma.rankingModelVersion.update({
      where: { id },
      data: {
        ...outcome,
        state: "READY",
        failure: null,
        trainedAt: new Date(),
      },
    });
  }

  async fail(id: string, failure: string): Promise<void> {
    await this.prisma.rankingModelVersion.updateMany({
      where: { id, state: "TRAINING" },
      data: { state: "FAILED", failure },
    });
  }

  /** Makes one ready version the active one, and no other. */
  async activate(id: string): Promise<RankingModelVersionRow> {
    const [, version] = await this.prisma.$transaction([
      this.prisma.rankingModelVersion.updateMany({
        where: { isActive: true, id: { not: id } },
        data: { isActive: false },
      }),
      this.prisma.rankingModelVersion.update({
        where: { id, state: "READY" },
        data: { isActive: true, activatedAt: new Date() },
      }),
    ]);
    return version;
  }

  /** Makes the previous version active again and forgets that the current one was, so the next rollback goes further back. */
  async rollBack(currentId: string, previousId: string): Promise<RankingModelVersionRow> {
    const [, version] = await this.prisma.$transaction([
      this.prisma.rankingModelVersion.update({
        where: { id: currentId },
        data: { isActive: false, activatedAt: null },
      }),
      this.prisma.rankingModelVersion.update({
        where: { id: previousId, state: "READY" },
        data: { isActive: true },
      }),
    ]);
    return version;
  }
}
