/** @file `vitrine db migrate`: migrates the database to the newest migration. */
import { Command } from "commander";
import { type CliContext } from "./cli-context.js";
import { withDatabase } from "./with-services.js";

export function dbCommand(context: CliContext): Command {
  const db = new Command("db").description("the database");
  db.command("migrate")
    .description("apply new migrations (every other command also does when it opens the database)")
    .action(async () => {
      const text = await withDatabase(context, async ({ db: { kind, pool } }) => {
        const { rows } = await pool.query<{ migration_name: string }>(
          "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1",
        );
        return `${kind}: ${rows.length} migrations applied, newest ${rows.at(-1)?.migration_name}`;
      });
      console.log(text);
    });
  return db;
}
