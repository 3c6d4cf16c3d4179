/** @file `vitrine db migrate`: migrates the database to the newest migration. */
import { Command } from "commander";
import { type CliContext } from "./cli-context.js";

export function dbCommand(context: CliContext): Command {
  const db = new Command("db").description("the database");
  db.command("migrate")
    .description("apply new migrations (every other command also does when it opens the database)")
    .action(async () => {
      const opened = await context.open();
      try {
        const { rows } = await opened.db.pool.query<{ migration_name: string }>(
          "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1",
        );
        console.log(
          `${opened.db.kind}: ${rows.length} migrations applied, newest ${rows.at(-1)?.migration_name}`,
        );
      } finally {
        await opened.close();
      }
    });
  return db;
}
