import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../../src/db/database.js";
import type {
  ImportProgress,
  ImportResult,
} from "../../../src/recsys/import/catalogue-import.service.js";
import { patience } from "../../helpers/patience.js";
import { contentOf, movieLensCounts, writeMovieLens } from "./sources.js";

type Message = ImportProgress | { result: ImportResult };

/** Runs the import in a separate process, and kills it once `isTime` returns true. @returns its result, if it finished. */
function importInProcess(
  home: string,
  folder: string,
  isTime: (progress: ImportProgress) => boolean = () => false,
): Promise<ImportResult | null> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "import-movielens.js"), [home, folder], {
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    let result: ImportResult | null = null;
    child.on("message", (message: Message) => {
      if ("result" in message) {
        result = message.result;
      } else if (isTime(message)) {
        child.kill("SIGKILL");
      }
    });
    child.once("error", reject);
    child.once("exit", () => {
      resolve(result);
    });
  });
}

async function leftBy(home: string): Promise<string> {
  const db = await openDatabase({ databaseUrl: null, folder: join(home, "postgres") });
  try {
    return await contentOf(db);
  } finally {
    await db.close();
  }
}

describe("an import whose process is killed", () => {
  let root: string;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "vitrine-kill-"));
    await writeMovieLens(join(root, "source"));
  });
  afterAll(() => {
    rmSync(root, { recursive: true });
  });

  it(
    "gives the same result after resuming as an undisturbed one",
    async () => {
      const source = join(root, "source");
      const killed = join(root, "killed");
      const undisturbed = join(root, "undisturbed");
      const kills: ((progress: ImportProgress) => boolean)[] = [
        ({ part }) => part === "images", // before the first picture is committed
        ({ part, done }) => part === "images" && done >= 250,
        ({ part, done }) => part === "interactions" && done >= 2_000,
      ];
      for (const isTime of kills) {
        expect(await importInProcess(killed, source, isTime)).toBeNull();
      }
      const result = await importInProcess(killed, source);
      const expected = await importInProcess(undisturbed, source);
      expect(result?.counts).toEqual(movieLensCounts);
      expect(expected?.counts).toEqual(movieLensCounts);
      expect(await leftBy(killed)).toBe(await leftBy(undisturbed));
      expect(readFileSync(result?.rejectsPath ?? "", "utf8")).toBe(
        readFileSync(expected?.rejectsPath ?? "", "utf8"),
      );
    },
    patience(600_000),
  );
});
