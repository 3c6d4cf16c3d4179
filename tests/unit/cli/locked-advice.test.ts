import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockedAdvice } from "../../../src/cli/locked-advice.js";
import { lockFolder } from "../../../src/db/folder-lock.js";
import { noteServing } from "../../../src/db/serving-note.js";
import { AppError } from "../../../src/errors/app-error.js";

const url = "http://127.0.0.1:4000/graphql";

describe("a database that a server holds", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-serving-"));
  let release: () => Promise<void>;
  beforeAll(async () => {
    release = await lockFolder(folder);
  });
  afterAll(async () => {
    await release();
    rmSync(folder, { recursive: true });
  });
  const refusal = async (): Promise<AppError> => {
    const error: unknown = await lockFolder(folder).catch((fault: unknown) => fault);
    if (error instanceof AppError) {
      return error;
    }
    throw new Error("the folder was not refused");
  };

  it("is refused with the server's URL while it serves", async () => {
    const forget = noteServing(folder, url);
    expect((await refusal()).message).toMatch(
      / is in use by process \d+ on .*, which serves http:\/\/127/,
    );
    forget();
    const { message, details } = await refusal();
    expect(message).toMatch(/ is in use by process \d+ on [^,]*$/);
    expect(details.url).toBe("");
  });

  it("ignores the note of a killed process", async () => {
    const note = { pid: process.pid + 1, host: "elsewhere", url };
    writeFileSync(join(folder, "serving.json"), JSON.stringify(note));
    expect((await refusal()).details.url).toBe("");
    writeFileSync(join(folder, "serving.json"), '{"half');
    expect((await refusal()).details.url).toBe("");
    rmSync(join(folder, "serving.json"));
  });
});

describe("lockedAdvice()", () => {
  const locked = new AppError("DATA_FOLDER_LOCKED", { path: "p", pid: 1, host: "h", url });

  it.each([
    [["import", "catalogue"], "startImport("],
    [["index"], "startIndexing"],
    [["train", "ranker"], "startRankerTraining"],
    [["keys", "create", "shop"], "createApiKey("],
    [["users", "opt-out", "anna"], "optOut("],
  ])("gives the request that replaces '%s'", (words, mutation) => {
    const advice = lockedAdvice(locked, words);
    expect(advice).toContain(`curl ${url} `);
    expect(advice).toContain(`mutation { ${mutation}`);
    expect(advice).toContain("DATABASE_URL");
  });

  it("gives only the other ways for a command without a mutation, and nothing without a server", () => {
    const advice = lockedAdvice(locked, ["tune"]);
    expect(advice).not.toContain("curl");
    expect(advice).toContain("stop the server");
    const other = new AppError("DATA_FOLDER_LOCKED", { path: "p", pid: 1, host: "h", url: "" });
    expect(lockedAdvice(other, ["index"])).toBe("");
  });
});
