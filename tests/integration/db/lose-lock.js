/** Opens a database, loses its lock inside a transaction, and tells how each later statement ended. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../../dist/db/database.js";

const seen = new Promise(resolve => process.once("message", resolve)); // also keeps the process
const [folder, template] = process.argv.slice(2);
let tellLost;
const lost = new Promise(resolve => (tellLost = resolve));
const { pool, prisma, close } = await openDatabase({
  databaseUrl: null,
  folder,
  template: new Blob([readFileSync(template)]),
  lockStaleMs: 3_000,
  onLockLost: tellLost,
});
const client = await pool.connect();
await client.query("BEGIN");
await client.query("INSERT INTO users (id) VALUES ('in-transaction')");
rmSync(join(folder, "lock"), { recursive: true });
process.send({ lost: (await lost).code });
await seen; // the test has looked at the files

const outcomeOf = promise =>
  promise.then(
    () => "done",
    error => error.code,
  );
const commit = await outcomeOf(client.query("COMMIT"));
client.release();
const query = await outcomeOf(pool.query("INSERT INTO users (id) VALUES ('later')"));
const upsert = await outcomeOf(prisma.user.create({ data: { id: "later" } }));
await close();
process.send({ commit, query, upsert }, () => process.exit());
