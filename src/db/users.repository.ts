/** @file Users. */
import type { PrismaTransaction } from "./database.js";
import type { UserRow } from "./rows.js";

export interface NewUser {
  id: string;
  /** Default false. */
  isSimulated?: boolean;
}

export class UsersRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /** Adds missing users; leaves the others unchanged. @returns the number added. */
  upsertMany(users: readonly NewUser[]): Promise<number> {
    const ids = users.map(({ id }) => id);
    const simulated = users.map(({ isSimulated = false }) => isSimulated);
    return this.prisma.$executeRaw`
      INSERT INTO users (id, is_simulated)
      SELECT * FROM unnest(${ids}::text[], ${simulated}::boolean[]) AS given (id, is_simulated)
      ORDER BY id COLLATE "C"
      ON CONFLICT (id) DO NOTHING`;
  }

  findById(id: string): Promise<UserRow | null> {
    return this.prisma.user.findUnique({ where: { id } });
  }

  /** All ids, in the database's order, read in pages. */
  async *streamIds(pageSize = 1_000): AsyncGenerator<string> {
    for (let after: string | undefined; ;) {
      const page = await this.prisma.user.findMany({
        select: { id: true },
        where: { id: { gt: after } },
        orderBy: { id: "asc" },
        take: pageSize,
      });
      yield* page.map(({ id }) => id);
      if (page.length < pageSize) {
        return;
      }
      after = page[page.length - 1].id;
    }
  }

  count(): Promise<number> {
    return this.prisma.user.count();
  }
}
