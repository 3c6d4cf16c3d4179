/** @file Users for whoever runs the shop: a list to look one up, and everything that is stored of one. */
import type { PrismaTransaction } from "./database.js";
import { afterInTime, type PageRequest } from "./keyset.js";
import type { UserRow } from "./rows.js";

/** Everything that names a user, as privacy law wants it told. */
export interface UserRecord {
  user: object;
  interactions: object[];
  images: object[];
  refusals: object[];
  jobs: object[];
}

export class UserRecordsRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /** Newest first. @param search The beginning of the id; null for all. */
  findPage(search: string | null, { limit, after }: PageRequest<Date>): Promise<UserRow[]> {
    const startsWith = search?.replace(/[\\%_]/g, "\\$&"); // Prisma passes LIKE's wildcards through
    return this.prisma.user.findMany({
      where: { id: startsWith ? { startsWith } : undefined, AND: [afterInTime(after)] },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }

  /** Null if there is no such user. */
  async findRecord(userId: string): Promise<UserRecord | null> {
    const user = await this.prisma.user.findUnique({ where: { id: userId } });
    if (!user) {
      return null;
    }
    const of = { where: { userId }, orderBy: { createdAt: "asc" as const } };
    const interactions = await this.prisma.interaction.findMany({
      where: { userId },
      orderBy: [{ occurredAt: "asc" }, { id: "asc" }],
      select: { itemId: true, kind: true, weight: true, occurredAt: true },
    });
    const images = await this.prisma.personalizedImage.findMany({
      ...of,
      include: { rankChanges: true },
      omit: { requestKey: true },
    });
    const refusals = await this.prisma.imageRefusal.findMany({ ...of, omit: { requestKey: true } });
    const jobs = await this.prisma.job.findMany({ ...of, omit: { dedupeKey: true } });
    return { user, interactions, images, refusals, jobs };
  }
}
