/** @file `vitrine keys`: API keys. The first key must be created here, where no key is required. */
import { Command, Option } from "commander";
import type { ApiKeyRole, ApiKeyRow } from "../db/rows.js";
import { createAccess } from "../plugin/create-catalogue.js";
import { createStorage } from "../plugin/create-storage.js";
import type { AccessService } from "../recsys/access/access.service.js";
import type { CliContext } from "./cli-context.js";
import { withDatabase } from "./with-services.js";

const roles: ApiKeyRole[] = ["STOREFRONT", "RECOMMENDER", "ADMIN"];
const pageSize = 100;

export function keysCommand(context: CliContext): Command {
  const command = new Command("keys").description("API keys: create, list and revoke them");
  const run = async (action: (access: AccessService) => Promise<unknown>, json: boolean) => {
    const result = await withDatabase(context, ({ db, config }) =>
      action(createAccess(createStorage(db, config), config)),
    );
    console.log(json ? JSON.stringify(result) : readable(result));
  };

  command
    .command("create <name>")
    .description("create a key; it is printed only once")
    .addOption(
      new Option("--role <role>", "its permissions")
        .choices(roles.map(role => role.toLowerCase()))
        .default("storefront"),
    )
    .option("--json", "print one JSON line")
    .action((name: string, { role, json = false }: { role: string; json?: boolean }) =>
      run(async access => {
        const { key, row } = await access.createKey(name, role.toUpperCase() as ApiKeyRole);
        return json ? { key, name, role: row.role } : key;
      }, json),
    );

  command
    .command("list")
    .description("newest first, including revoked ones")
    .option("--json", "print one JSON line")
    .action(({ json = false }: { json?: boolean }) => run(allKeys, json));

  command
    .command("revoke <name>")
    .description("revoke a key permanently")
    .option("--json", "print one JSON line")
    .action((name: string, { json = false }: { json?: boolean }) =>
      run(async access => {
        const { revokedAt } = await access.revokeKey(name);
        return json ? { name, revokedAt } : `revoked ${name}`;
      }, json),
    );
  return command;
}

/** A key as listed, without its hash. */
type ListedKey = Omit<ApiKeyRow, "id" | "keyHash">;

async function allKeys(access: AccessService): Promise<ListedKey[]> {
  const keys = await access.findKeys({ limit: pageSize, after: null });
  for (let last = keys.at(-1); last && keys.length % pageSize === 0; last = keys.at(-1)) {
    const after = { value: last.createdAt, id: last.id };
    const page = await access.findKeys({ limit: pageSize, after });
    if (page.length === 0) {
      break;
    }
    keys.push(...page);
  }
  return keys.map(({ name, role, createdAt, lastUsedAt, revokedAt }) => ({
    name,
    role,
    createdAt,
    lastUsedAt,
    revokedAt,
  }));
}

function readable(result: unknown): string {
  if (!Array.isArray(result)) {
    return String(result);
  }
  const lines = (result as ListedKey[]).map(({ name, role, lastUsedAt, revokedAt }) =>
    [
      name,
      role.toLowerCase(),
      revokedAt ? `revoked ${revokedAt.toISOString()}` : "good",
      lastUsedAt ? `last used ${lastUsedAt.toISOString()}` : "never used",
    ].join("\t"),
  );
  return lines.join("\n") || "no keys";
}
