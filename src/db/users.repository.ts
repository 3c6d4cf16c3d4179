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

  /** Stores since when a user is opted out, and adds an unknown one; an opt-out that stands keeps its time. @param at null ends it */
  async setOptedOut(id: string, at: Date | null): Promise<UserRow> {
    await this.prisma.$executeRaw`
      INSERT INTO users (id, opted_out_at) VALUES (${id}, ${at}::timestamptz)
      ON CONFLICT (id) DO UPDATE SET opted_out_at =
        CASE WHEN excluded.opted_out_at IS NOT NULL THEN coalesce(users.opted_out_at, excluded.opted_out_at) END`;
    return this.prisma.user.findUniqueOrThrow({ where: { id } });
  }

  /** Those of `ids` who opted out of personalisation. */
  async findOptedOut(ids: readonly string[]): Promise<Set<string>> {
    const users = await this.prisma.user.findMany({
      select: { id: true },
      where: { id: { in: [...ids] }, optedOutAt: { not: null } },
    });
    return new Set(users.map(({ id }) => id));
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
