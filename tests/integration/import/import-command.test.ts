/** `vitrine import catalogue` as its users run it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { DryRunReport } from "../../../src/recsys/import/dry-run.js";
import { runCli, runCliJson } from "../../helpers/cli.js";

const inputs = resolve("tests/fixtures/inputs/shop");

describe("vitrine import catalogue", () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "vitrine-import-command-"));
    env = { VITRINE_HOME: join(folder, "home") };
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it("reports with --dry-run what it would import, without creating a database", async () => {
    const args = ["import", "catalogue", "--dry-run", "--items", join(inputs, "woo-shaped.csv")];
    const { code, stdout } = await runCli(args, env);
    expect(code).toBe(0);
    expect(stdout).toContain(
      "items: woo-shaped.csv (CSV, WooCommerce product CSV, utf-8, separated by ',')",
    );
    expect(stdout).toContain("  title <- 'Name'\n");
    expect(stdout).toContain("  1 accepted, 0 rejected\n  1 rows joined to their product\n");
    expect(stdout).toContain("images: 1 URLs, 0 files, 0 items without");
    const report = await runCliJson<DryRunReport>(
      ["import", "catalogue", "--dry-run", "--interactions", join(inputs, "kinds.csv")],
      env,
    );
    expect(report.tables[0]).toMatchObject({ accepted: 13, rejected: 4 });
    expect(existsSync(join(folder, "home"))).toBe(false);
  });

  it("applies maps, defaults and columns, and reports how it read the files and what it cut", async () => {
    const items = write(
      "list.txt",
      Buffer.from(`Nr;Name, deutsch;Gruppe\n1;Größe ${"x".repeat(1_000)};Möbel\n`, "latin1"),
    );
    const result = await runCliJson<object>(
      [
        ...["import", "catalogue", "--items", items],
        ...["--map", "id=Nr,title=Name, deutsch", "--map", "category=Gruppe"],
        ...["--default", "available=sold out,keywords=a|b"],
      ],
      env,
    );
    expect(result).toMatchObject({
      counts: { items: { accepted: 1, rejected: 0 } },
      reading: ["list.txt (CSV, own columns, windows-1252, separated by ';')"],
      warnings: [{ count: 1, first: ["list.txt:2 title has 1006 characters and is cut to 1000"] }],
    });
    const interactions = write("train.txt", "u1 1 5\n");
    const again = await runCliJson<object>(
      [
        ...["import", "catalogue", "--interactions", interactions],
        ...["--columns", "userId,itemId,weight", "--default", "kind=view,occurredAt=2024-01-01"],
      ],
      env,
    );
    expect(again).toMatchObject({ counts: { interactions: { accepted: 1, rejected: 0 } } });
  });
});
