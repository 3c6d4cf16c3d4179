/** A killed demo resumes with the same result as an uninterrupted one, byte for byte. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { runCliJson, runCliUntilKilled } from "../helpers/cli.js";
import { patience } from "../helpers/patience.js";
import { describeWithMiniPack, miniPackDir } from "../unit/ml/runtime/mini-pack.js";

const demo = ["demo", "--once", "--concepts", "12", "--users", "30"];

const homes: string[] = [];

function newHome(): NodeJS.ProcessEnv {
  const home = mkdtempSync(join(tmpdir(), "vitrine-killed-"));
  homes.push(home);
  return {
    VITRINE_HOME: home,
    VITRINE_PORT: "0",
    VITRINE_MODELS: miniPackDir,
  };
}

afterAll(() => {
  homes.forEach(home => {
    rmSync(home, { recursive: true, force: true });
  });
});

describeWithMiniPack("a demo killed repeatedly", () => {
  it(
    "ends with the same picture, ranks and model as an uninterrupted one",
    async () => {
      const whole = await runCliJson<{ file: string; deltaR: number }>(demo, newHome());

      const env = newHome();
      await runCliUntilKilled(demo, env, { line: /^stickers .*items/m, afterMs: 300 });
      await runCliUntilKilled(demo, env, { line: /^index/m, afterMs: 200 });
      await runCliUntilKilled(demo, env, { line: /^ranker/m, afterMs: 50 });
      await runCliUntilKilled(demo, env, { line: /^ranker .*epoch/m, afterMs: 0 });
      const killed = await runCliJson<{ file: string; deltaR: number }>(demo, env);

      expect(basename(killed.file)).toBe(basename(whole.file)); // named by its SHA-256
      expect(killed.deltaR).toBe(whole.deltaR);
      expect(existsSync(killed.file)).toBe(true);
    },
    patience(400_000),
  );
});
