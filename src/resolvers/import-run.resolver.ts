import { Arg, Args, ID, Int, Resolver, Root } from "type-graphql";
import type { ImportCursor, PartCounts } from "../db/import-runs.repository.js";
import type { ImportRunRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { type Connection, maxPageSize, PageArgs } from "../schema/connection.js";
import {
  ImportPart,
  ImportRun,
  ImportRunConnection,
  RejectedRows,
} from "../schema/import-run.type.js";
import { Argument, ListQueryFor, QueryFor, Resolved } from "./decorators.js";
import { KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

/** Rows of one answer: a file of them is read page by page. */
const MAX_ROWS = 1_000;

const runList = KeysetList.byTime<ImportRunRow>("importRuns", ({ startedAt, id }) => ({
  value: startedAt,
  id,
}));

@Resolver(() => ImportRun)
export class ImportRunResolver {
  constructor(private readonly deps: Pick<ApiServices, "importHistory">) {}

  @ListQueryFor("ADMIN", ImportRunConnection, "All imports, newest first.")
  async importRuns(@Args(() => PageArgs) args: PageArgs): Promise<Connection<ImportRunRow>> {
    const page = runList.request(args);
    return runList.page(await this.deps.importHistory.findPage(page), args);
  }

  @QueryFor("ADMIN", ImportRun, "An import. Fails with `IMPORT_NOT_FOUND`.")
  importRun(@Argument("id", ID, "The import's UUID.") id: string): Promise<ImportRunRow> {
    return this.deps.importHistory.find(id);
  }

  @QueryFor(
    "ADMIN",
    RejectedRows,
    `Rows that an import rejected, up to ${MAX_ROWS} at a time. Fails with \`IMPORT_NOT_FOUND\` or \`PAGE_SIZE\`.`,
  )
  async rejectedRows(
    @Argument("importId", ID, "The import's UUID.") importId: string,
    @Arg("offset", () => Int, { defaultValue: 0, description: "Rows to leave out, from 0." })
    offset: number,
    @Arg("first", () => Int, {
      defaultValue: maxPageSize,
      description: `Number of rows, 1 to ${MAX_ROWS}.`,
    })
    first: number,
  ): Promise<RejectedRows> {
    if (first < 1 || first > MAX_ROWS) {
      throw new AppError("PAGE_SIZE", { max: MAX_ROWS, got: first });
    }
    const { id } = await this.deps.importHistory.find(importId);
    const page = { offset: Math.max(0, offset), limit: first };
    const { count, rows } = await this.deps.importHistory.rejected(id, page);
    return {
      count,
      rows: rows.map(({ row, ...about }) => ({ ...about, row: JSON.stringify(row) })),
    };
  }

  @Resolved(String, "Where the source lies, such as a folder.")
  source(@Root() { cursor }: ImportRunRow): string {
    return (cursor as unknown as ImportCursor).source; // only ImportRunsRepository writes it
  }

  @Resolved([ImportPart], "What it did with each part of the source.")
  parts(@Root() { counts }: ImportRunRow): ImportPart[] {
    const byPart = counts as unknown as Record<string, PartCounts>; // only ImportRunsRepository writes it
    return Object.entries(byPart).map(([name, { accepted, rejected, replaced = 0 }]) => ({
      name,
      accepted,
      rejected,
      replaced,
    }));
  }
}
