/** @file What is stored of a user, for that user. */
import type { UserRecord } from "../../db/user-records.repository.js";
import { AppError } from "../../errors/app-error.js";

interface Dependencies {
  records: { findRecord(userId: string): Promise<UserRecord | null> };
}

export class UserRecordsService {
  constructor(private readonly deps: Dependencies) {}

  /** As JSON. @throws AppError `USER_NOT_FOUND` */
  async export(userId: string): Promise<Record<string, unknown>> {
    const record = await this.deps.records.findRecord(userId);
    if (!record) {
      throw new AppError("USER_NOT_FOUND", { userId });
    }
    return JSON.parse(JSON.stringify(record)) as Record<string, unknown>;
  }
}
