/** @file Versions of the ranking model: configuration, metrics and activation. */
import type { Prisma, PrismaClient } from "./generated/client.js";
import type { RankingModelVersionRow } from "./rows.js";
import { VersionsRepository } from "./versions.repository.js";

export class RankingModelVersionsRepository extends VersionsRepository<RankingModelVersionRow> {
  constructor(prisma: PrismaClient) {
    super(prisma, prisma.rankingModelVersion);
  }

  /** Records the start of a training; restarts a version with this id that is not ready. */
  async begin(version: {
    id: string;
    algorithm: string;
    config: object;
    seed: number;
  }): Promise<RankingModelVersionRow> {
    const config = version.config as Prisma.InputJsonObject; // an interface has no index signature
    return this.prisma.rankingModelVersion.upsert({
      where: { id: version.id },
      create: { ...version, config },
      update: { state: "TRAINING", failure: null },
    });
  }
}
