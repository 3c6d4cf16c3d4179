/** `vitrine users` as its users run it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { runCli, runCliJson } from "../../helpers/cli.js";

describe("vitrine users", () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "vitrine-users-command-"));
    env = { VITRINE_HOME: join(folder, "home") };
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it("opts a user out and in, exports and erases them", async () => {
    const files = { items: "id,title\ncup,Cup\n", interactions: "" };
    files.interactions = "userId,itemId,kind,occurredAt\nann,cup,LIKE,2026-01-02T03:04:05Z\n";
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, `${name}.csv`), text);
    }
    const load = () =>
      runCliJson<{ parts: { name: string; accepted: number; rejected: number }[] }>(
        [
          ...["import", "catalogue", "--items", join(folder, "items.csv")],
          ...["--interactions", join(folder, "interactions.csv")],
        ],
        env,
      );
    await load();
    const out = await runCliJson<{ optedOutAt: string }>(["users", "opt-out", "ann"], env);
    expect(Date.parse(out.optedOutAt)).not.toBeNaN();
    const exported = await runCli(["users", "export", "ann"], env);
    expect(exported.code).toBe(0);
    expect(JSON.parse(exported.stdout)).toMatchObject({
      user: { id: "ann", optedOutAt: out.optedOutAt },
      interactions: [{ itemId: "cup" }],
    });
    const back = await runCli(["users", "opt-in", "ann"], env);
    expect(back.stdout.trim()).toBe("ann is not opted out");
    const erased = await runCli(["users", "erase", "ann"], env);
    expect(erased.stdout.trim()).toBe("erased ann: 1 interactions, 0 images");
    const missing = await runCli(["users", "export", "ann"], env);
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain("USER_NOT_FOUND");
  });
});
