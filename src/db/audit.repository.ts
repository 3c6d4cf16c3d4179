/** @file The audit log: calls of mutations by API keys that may administer. Rows are added and completed, never changed again. */
import { randomUUID } from "node:crypto";
import type { PrismaTransaction } from "./database.js";
import type { Prisma } from "./generated/client.js";
import { afterInTime, type PageRequest } from "./keyset.js";
import type { AuditEntryRow, AuditOutcome } from "./rows.js";

export interface AuditFilter {
  actor?: string | null;
  action?: string | null;
  outcome?: AuditOutcome | null;
  /** Inclusive. */
  from?: Date | null;
  /** Exclusive. */
  to?: Date | null;
}

export interface AuditedCall {
  /** Id of the API key, or what the host calls its caller. */
  keyId: string;
  action: string;
  arguments: Prisma.InputJsonObject;
}

export class AuditRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /** Records a call before it is made. @returns the entry's id. */
  async begin(call: AuditedCall): Promise<string> {
    const id = randomUUID();
    const details = JSON.stringify(call.arguments);
    await this.prisma.$executeRaw`
      INSERT INTO audit_entries (id, actor, action, arguments)
      VALUES (${id}::uuid, coalesce((SELECT name FROM api_keys WHERE id::text = ${call.keyId}), ${call.keyId}),
        ${call.action}, ${details}::jsonb)`;
    return id;
  }

  /** Records how a call ended. */
  async end(
    id: string,
    outcome: Exclude<AuditOutcome, "STARTED">,
    errorCode: string | null,
  ): Promise<void> {
    await this.prisma.$executeRaw`
      UPDATE audit_entries SET outcome = ${outcome}::audit_outcome, error_code = ${errorCode}, finished_at = now()
      WHERE id = ${id}::uuid`;
  }

  /** Newest first. */
  findPage(
    { actor, action, outcome, from, to }: AuditFilter,
    { limit, after }: PageRequest<Date>,
  ): Promise<AuditEntryRow[]> {
    return this.prisma.auditEntry.findMany({
      where: {
        actor: actor ?? undefined,
        action: action ?? undefined,
        outcome: outcome ?? undefined,
        AND: [{ createdAt: { gte: from ?? undefined, lt: to ?? undefined } }, afterInTime(after)],
      },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }
}
