import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli, runCliJson } from "../../helpers/cli.js";
import { patience } from "../../helpers/patience.js";
import { writePreparedData } from "../../unit/recsys/lab/rankers/prepared.js";

const quick = { embeddingSize: 8, learningRate: 0.03, batchSize: 32, numEpochs: 6 };

interface Evaluated {
  models: {
    ranker: string;
    metrics: Record<string, number>;
    intervals: Record<string, number[]>;
  }[];
  comparisons: { better: string; pValue: number }[];
}

describe("vitrine evaluate and tune", () => {
  let home: string;
  let data: string;
  const path = (name: string) => join(home, name);
  const write = (name: string, content: unknown) => writeFile(path(name), JSON.stringify(content));

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "evaluate-"));
    data = await writePreparedData();
    await write("popularity.json", { algorithm: "popularity" });
    await write("light-gcn.json", { algorithm: "lightgcn", model: quick });
  });

  afterAll(() => Promise.all([home, data].map(folder => rm(folder, { recursive: true }))));

  const env = () => ({ VITRINE_HOME: path("shop") });

  it("compares two configurations on prepared data", async () => {
    const configs = [path("popularity.json"), path("light-gcn.json")];
    const { models, comparisons } = await runCliJson<Evaluated>(
      ["evaluate", ...configs, "--data", data, "--at", "5"],
      env(),
    );
    expect(models.map(({ ranker }) => ranker)).toEqual(configs);
    expect(models[1].metrics["ndcg@5"]).toBeGreaterThan(models[0].metrics["ndcg@5"]);
    const [low, high] = models[1].intervals["ndcg@5"];
    expect(low).toBeLessThanOrEqual(models[1].metrics["ndcg@5"]);
    expect(high).toBeGreaterThanOrEqual(models[1].metrics["ndcg@5"]);
    expect(comparisons).toMatchObject([{ better: path("light-gcn.json") }]);
    const hash = expect.stringMatching(/^[0-9a-f]{64}$/) as string;
    expect(models[0]).toMatchObject({
      versionId: null,
      config: { algorithm: "popularity", split: "ratio" },
      seed: 1,
      split: { kind: "official", hash },
      dataHash: hash,
      heldOutHash: hash,
    });
    const args = ["evaluate", ...configs, "--data", data, "--at", "5"];
    const { stdout } = await runCli(args, env());
    expect(stdout).toMatch(/^ndcg@5: .*light-gcn.json - .*popularity.json = .* \(Holm\), /m);
  });

  it.each(["1.5", "abc", "-1", "1152921504606846976"])("refuses the seed %s", async seed => {
    const train = ["train", "ranker"];
    for (const command of [["evaluate"], train, ["tune", "--space", "s", "--out", "o"]]) {
      const { code, stderr } = await runCli([...command, "--seed", seed], env());
      expect(code).toBe(2);
      expect(stderr).toContain("must be a whole number of 0 .. 2147483647");
    }
  });

  it("tunes, then runs an experiment with the result, once", async () => {
    await write("space.json", {
      fixed: { algorithm: "BPR-MF", model: quick },
      search: { l2Weight: { logUniform: [1e-4, 1e-1] } },
    });
    const found = path("found.json");
    const tuning = ["tune", "--space", path("space.json"), "--out", found, "--data", data];
    await runCliJson([...tuning, "--trials", "2"], env());
    const outcome = await runCliJson<{ dataHash: string; split: object; seed: number }>(
      [...tuning, "--trials", "2"],
      env(),
    );
    expect(outcome).toMatchObject({ seed: 1, split: { kind: "official" } });
    const kept = path("found.trials.json");
    const { trials } = JSON.parse(await readFile(kept, "utf8")) as { trials: object[] };
    expect(trials).toHaveLength(2); // the second run reused both
    await runCliJson([...tuning, "--trials", "1", "--split", "random"], env());
    const after = JSON.parse(await readFile(kept, "utf8")) as typeof outcome & {
      trials: object[];
      searches: object;
    };
    expect(after.trials).toHaveLength(3); // of another split: made, and those before are kept
    expect(Object.keys(after.searches)).toHaveLength(2);
    await runCliJson([...tuning, "--trials", "2"], env());
    expect((JSON.parse(await readFile(kept, "utf8")) as typeof after).trials).toHaveLength(3);
    const { model } = JSON.parse(await readFile(found, "utf8")) as { model: object };
    expect(Object.keys(model)).toContain("l2Weight");
    await write("experiment.json", {
      name: "small",
      split: "official",
      seeds: [1, 2],
      rankers: [
        { name: "popularity", config: "popularity.json" },
        { name: "BPR-MF", config: "found.json" },
      ],
    });
    const results = path("results.json");
    const args = [
      "evaluate",
      "--experiment",
      path("experiment.json"),
      "--data",
      data,
      "--out",
      results,
    ];
    const first = await runCli(args, env());
    expect(first.stderr).toContain("small 100%");
    expect(first.stdout.split("\n").filter(line => line.startsWith("| popularity"))).toHaveLength(
      1,
    );
    const written = await readFile(results, "utf8");
    const runs = (JSON.parse(written) as { runs: { recall10: number; epochSeconds: number }[] })
      .runs;
    expect(runs).toHaveLength(4);
    const second = await runCli(args, env());
    expect(second.stdout).toBe(first.stdout); // nothing was trained again
    expect(await readFile(results, "utf8")).toBe(written);
  });

  it(
    "evaluates versions of the database on what their training held out, also after new interactions",
    async () => {
      const items = Array.from({ length: 12 }, (_, i) => `i${i},Item ${i}`);
      const liked = (user: number, count: number) =>
        Array.from({ length: count }, (_, place) => {
          const time = new Date(Date.UTC(2026, 0, 1 + place)).toISOString();
          // The sixth is of the other taste: an item that was in the trainings.
          const item = place < 5 ? (user % 2) + 2 * place : (user + 1) % 2;
          return `u${user},i${item},LIKE,1,${time}`;
        });
      const save = async (count: number) => {
        await writeFile(path("items.csv"), ["id,title", ...items].join("\n") + "\n");
        const rows = Array.from({ length: 10 }, (_, user) => liked(user, count)).flat();
        const header = "userId,itemId,kind,weight,occurredAt";
        await writeFile(path("interactions.csv"), [header, ...rows].join("\n") + "\n");
        const files = ["--items", path("items.csv"), "--interactions", path("interactions.csv")];
        return runCli(["import", "catalogue", ...files], env());
      };
      expect(await save(5)).toMatchObject({ code: 0 });
      const train = (config: string) =>
        runCliJson<{ id: string }>(["train", "ranker", "--config", path(config)], env());
      const popular = await train("popularity.json");
      const active = await train("light-gcn.json");
      const one = await runCliJson<Evaluated>(["evaluate"], env());
      expect(one.models.map(({ ranker }) => ranker)).toEqual([active.id]);
      const two = await runCliJson<Evaluated>(["evaluate", popular.id, active.id], env());
      expect(two.models[1].metrics).toEqual(one.models[0].metrics);
      expect(two.comparisons).toHaveLength(1);
      expect(two.models[1]).toMatchObject({
        versionId: active.id,
        config: { algorithm: "LightGCN" },
      });
      await write("other-split.json", { algorithm: "popularity", split: "random" });
      const other = await runCli(["evaluate", active.id, path("other-split.json")], env());
      expect(other.code).toBe(1);
      expect(other.stderr).toContain("NOT_COMPARABLE: ");
      expect(other.stderr).not.toContain("epoch"); // refused before anything was trained
      expect(await save(6)).toMatchObject({ code: 0 });
      const later = await runCliJson<Evaluated>(["evaluate"], env());
      expect(later.models[0].metrics).toEqual(one.models[0].metrics);
      // The sixth choice of each user came on 6 January, after both versions.
      const since = ["evaluate", popular.id, active.id, "--since", "2026-01-01"];
      const now = await runCliJson<Evaluated & { numInteractions: number }>(since, env());
      expect(now.numInteractions).toBe(10);
      expect(now.comparisons).toHaveLength(1);
      const none = await runCli(["evaluate", active.id, "--since", "2026-02-01"], env());
      expect(none.code).toBe(1);
      expect(none.stderr).toContain("NOTHING_SINCE");
      const unknown = await runCli(["evaluate", "no-such-version"], env());
      expect(unknown.stderr).toContain("MODEL_VERSION_NOT_FOUND");
    },
    patience(300_000),
  ); // thirteen processes
});
