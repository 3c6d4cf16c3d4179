/** @file Versions of the personalizer: configuration, metrics and activation. */
import type { Prisma, PrismaClient } from "./generated/client.js";
import { afterInTime, type PageRequest } from "./keyset.js";
import type { PersonalizerVersionRow } from "./rows.js";
import { VersionsRepository } from "./versions.repository.js";

export class PersonalizerVersionsRepository extends VersionsRepository<PersonalizerVersionRow> {
  constructor(prisma: PrismaClient) {
    super(prisma, prisma.personalizerVersion);
  }

  /** Records the start of a training; restarts a version with this id that is not ready. */
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

  /** Newest first. */
  findPage({ limit, after }: PageRequest<Date>): Promise<PersonalizerVersionRow[]> {
    return this.prisma.personalizerVersion.findMany({
      where: afterInTime(after),
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }
}
