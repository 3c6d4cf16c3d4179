import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runCli } from "../../helpers/cli.js";
import { patience } from "../../helpers/patience.js";

const input = (name: string) => resolve("tests/fixtures/inputs/bugs", name);

describe("commands without their prerequisites", () => {
  let home: string;
  const path = (name: string) => join(home, name);
  const refused = async (args: string[], code: string) => {
    const { code: exit, stderr } = await runCli(args, { VITRINE_HOME: path("shop") });
    expect(stderr).toContain(`${code}: `);
    expect(stderr).not.toMatch(/^ +at /m); // no stack trace
    expect(exit).toBe(1);
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "prerequisites-"));
    for (const algorithm of ["BPR-MF", "LightGCN", "MICRO"]) {
      await writeFile(path(`${algorithm}.json`), JSON.stringify({ algorithm }));
    }
    const space = { fixed: { algorithm: "BPR-MF" }, search: { embeddingSize: { choice: [4] } } };
    await writeFile(path("space.json"), JSON.stringify(space));
  });

  afterAll(() => rm(home, { recursive: true }));

  it(
    "fail with a code that names what is missing",
    async () => {
      const train = (algorithm: string) => [
        "train",
        "ranker",
        "--config",
        path(`${algorithm}.json`),
      ];
      const tune = ["tune", "--space", path("space.json"), "--out", path("found.json")];
      await refused(train("MICRO"), "TOO_FEW_INTERACTIONS");
      await refused(["evaluate"], "RANKER_NOT_TRAINED");
      await refused(["rerank"], "RANKER_NOT_TRAINED");
      await refused(["train", "personalizer"], "RANKER_NOT_TRAINED");
      const files = ["--items", input("two.jsonl"), "--interactions", input("full2.csv")];
      const imported = await runCli(["import", "catalogue", ...files], {
        VITRINE_HOME: path("shop"),
      });
      expect(imported.code).toBe(0);
      await refused(train("MICRO"), "EMBEDDINGS_MISSING");
      await refused(train("BPR-MF"), "NOTHING_TO_COMPARE");
      await refused(train("LightGCN"), "NOTHING_TO_COMPARE");
      await refused(tune, "NOTHING_TO_VALIDATE");
      const unknown = "00000000-0000-4000-8000-000000000009";
      await refused([...train("BPR-MF"), "--resume", unknown], "MODEL_VERSION_NOT_FOUND");
      const usage = await runCli([...train("BPR-MF"), "--resume", "nope"], {
        VITRINE_HOME: path("shop"),
      });
      expect([usage.code, usage.stderr.includes("must be a UUID")]).toEqual([2, true]);
    },
    patience(300_000), // eleven processes
  );
});
