/** Item features that a shop brings along, and rankings and vectors that it takes out and reads with other parsers. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { matrix } from "../../../src/ml/nn/matrix.js";
import { npyOf, parseNpy } from "../../../src/ml/nn/npy.js";
import { runCli, runCliJson } from "../../helpers/cli.js";
import { patience } from "../../helpers/patience.js";

const NUM_USERS = 12;
const NUM_ITEMS = 15;
/** Items of one user: every second one, by the user's parity. */
const NUM_CHOSEN = 5;

interface Trained {
  id: string;
  config: { features?: object[] };
  dataHash: string;
  metrics: { modalities: string[]; test: Record<string, number> };
}

interface Row {
  user_id: string;
  item_id: string;
  rank: number | string;
  score: number | string;
  source: string;
  run: string;
}

describe("features into and rankings out of a shop", () => {
  let home: string;
  let versionId: string;
  const path = (name: string) => join(home, name);
  const env = () => ({ VITRINE_HOME: path("shop"), VITRINE_MODELS: "mini" });

  const userIds = Array.from({ length: NUM_USERS }, (_, n) => `u${String(n).padStart(2, "0")}`);
  const itemIds = Array.from({ length: NUM_ITEMS }, (_, n) => `i${String(n).padStart(2, "0")}`);
  const chosenBy = (user: number) =>
    Array.from({ length: NUM_CHOSEN }, (_, n) => itemIds[(2 * n + user) % NUM_ITEMS]);

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "exports-"));
    const items = itemIds.map(id => `${id},Item ${id}`);
    await writeFile(path("items.csv"), `id,title\n${items.join("\n")}\n`);
    const choices = userIds.flatMap((userId, user) =>
      chosenBy(user).map((itemId, n) => `${userId},${itemId},LIKE,2026-01-${10 + n}T00:00:00Z`),
    );
    await writeFile(
      path("interactions.csv"),
      `userId,itemId,kind,occurredAt\n${choices.join("\n")}\n`,
    );
    const imported = ["--items", path("items.csv"), "--interactions", path("interactions.csv")];
    await runCliJson(["import", "catalogue", ...imported], env());
    await writeFile(
      path("bpr.json"),
      JSON.stringify({ algorithm: "BPR-MF", model: { embeddingSize: 4, numEpochs: 3 } }),
    );
    const trained = await runCliJson<{ id: string }>(
      ["train", "ranker", "--config", path("bpr.json")],
      env(),
    );
    versionId = trained.id;
  }, patience(60_000));

  afterAll(() => rm(home, { recursive: true }));

  it("writes what the API would recommend to every shopper, in each format", async () => {
    const report = await runCliJson<object>(
      ["recommend", "--output", path("r.csv"), "--k", "4"],
      env(),
    );
    expect(report).toEqual({
      output: path("r.csv"),
      run: versionId,
      numUsers: NUM_USERS,
      numRows: 4 * NUM_USERS,
      sources: { RANKER: NUM_USERS },
      numEmpty: 0,
    });
    const csv: Row[] = parse(await readFile(path("r.csv"), "utf8"), { columns: true });
    expect(csv.map(({ user_id }) => user_id)).toEqual(userIds.flatMap(id => [id, id, id, id]));
    for (const [user, userId] of userIds.entries()) {
      const own = csv.filter(({ user_id }) => user_id === userId);
      expect(own.map(({ rank }) => rank)).toEqual(["1", "2", "3", "4"]);
      const scores = own.map(({ score }) => Number(score));
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      const seen = new Set(chosenBy(user));
      expect(own.filter(({ item_id }) => seen.has(item_id))).toEqual([]);
    }
    await runCliJson(["recommend", "--output", path("r.parquet"), "--k", "4"], env());
    const file = await asyncBufferFromFile(path("r.parquet"));
    const parquet = await parquetReadObjects({ file, compressors });
    expect(parquet).toEqual(
      csv.map(({ rank, score, ...row }) => ({ ...row, rank: Number(rank), score: Number(score) })),
    );
    expect((await readdir(home)).filter(name => name.endsWith(".tmp"))).toEqual([]);
  });

  it("writes a TREC run of the shoppers of a file, with items they have seen", async () => {
    await writeFile(path("users.txt"), "u03\n\nu01\nnobody\nu03\n");
    const args = ["--users", path("users.txt"), "--k", String(NUM_ITEMS), "--include-seen"];
    const report = await runCliJson<object>(
      ["recommend", "--output", path("r.trec"), "--run", "ours", ...args],
      env(),
    );
    expect(report).toMatchObject({ numUsers: 3, sources: { RANKER: 2, POPULARITY: 1 } });
    const lines = (await readFile(path("r.trec"), "utf8")).trimEnd().split("\n");
    const cells = lines.map(line => line.split(" "));
    expect(cells.every(own => own.length === 6 && own[1] === "Q0" && own[5] === "ours")).toBe(true);
    const ofUser = (id: string) => cells.filter(([userId]) => userId === id);
    expect(cells[0][0]).toBe("u03");
    expect(
      ofUser("u03")
        .map(([, , itemId]) => itemId)
        .sort(),
    ).toEqual(itemIds);
    expect(ofUser("nobody").length).toBeGreaterThan(0);
  });

  it("writes vectors whose products are the scores of the rankings", async () => {
    const folder = path("vectors");
    const report = await runCliJson<object>(["vectors", "--output", folder], env());
    expect(report).toEqual({
      output: folder,
      versionId,
      algorithm: "BPR-MF",
      dimension: 4,
      numUsers: NUM_USERS,
      numItems: NUM_ITEMS,
    });
    const load = async (name: string) => {
      const file = join(folder, `${name}.npy`);
      const { values } = parseNpy(await readFile(file), file);
      const ids = JSON.parse(await readFile(join(folder, `${name}.json`), "utf8")) as string[];
      return new Map(ids.map((id, n) => [id, values.subarray(4 * n, 4 * (n + 1))]));
    };
    const users = await load("users");
    const items = await load("items");
    expect([...users.keys()]).toEqual(userIds);
    expect([...items.keys()]).toEqual(itemIds);
    await runCliJson(["recommend", "--output", path("v.csv"), "--k", "3"], env());
    const rows: Row[] = parse(await readFile(path("v.csv"), "utf8"), { columns: true });
    for (const { item_id, score, user_id } of rows) {
      const user = users.get(user_id)!;
      const product = items.get(item_id)!.reduce((sum, x, d) => sum + x * user[d], 0);
      expect(product).toBeCloseTo(Number(score), 5);
    }
  });

  it("refuses vectors of a model that has none", async () => {
    await writeFile(path("popularity.json"), JSON.stringify({ algorithm: "popularity" }));
    const { id } = await runCliJson<{ id: string }>(
      ["train", "ranker", "--config", path("popularity.json"), "--no-activate"],
      env(),
    );
    const args = ["vectors", id, "--output", path("none")];
    const { code, stderr } = await runCli(args, env());
    expect(code).toBe(1);
    expect(stderr).toContain("RANKER_WITHOUT_VECTORS");
    expect(await readdir(home)).not.toContain("none");
  });

  describe("with features of its own", () => {
    const train = ["train", "ranker", "--no-activate"];
    const given = (ids = "f.json") => ["--features", path("f.npy"), "--feature-ids", path(ids)];

    beforeAll(async () => {
      const values = Float32Array.from({ length: 3 * NUM_ITEMS }, (_, n) => Math.sin(n));
      await writeFile(path("f.npy"), npyOf(matrix([NUM_ITEMS, 3], values)));
      await writeFile(path("f.json"), JSON.stringify(itemIds));
      await writeFile(path("reversed.txt"), `${[...itemIds].reverse().join("\n")}\n`);
      await writeFile(path("other.json"), JSON.stringify(["i99", ...itemIds.slice(1)]));
      await writeFile(
        path("vbpr.json"),
        JSON.stringify({ algorithm: "VBPR", preset: "quick", model: { numEpochs: 2 } }),
      );
    });

    it("trains on them without an index, and evaluates the version on the same features", async () => {
      const config = ["--config", path("vbpr.json")];
      const trained = await runCliJson<Trained>([...train, ...config, ...given()], env());
      expect(trained.config.features).toMatchObject([
        { modality: "visual", width: 3, numItems: NUM_ITEMS },
      ]);
      expect(trained.metrics.modalities).toEqual(["visual"]);
      const { models } = await runCliJson<{ models: { dataHash: string; metrics: object }[] }>(
        ["evaluate", trained.id],
        env(),
      );
      expect(models[0].dataHash).toBe(trained.dataHash);
      expect(models[0].metrics).toMatchObject(trained.metrics.test);
      const other = await runCliJson<Trained>(
        [...train, ...config, ...given("reversed.txt"), "--modality", "looks"],
        env(),
      );
      expect(other.metrics.modalities).toEqual(["looks"]);
      expect(other.dataHash).not.toBe(trained.dataHash);
    });

    it("refuses what does not fit", async () => {
      const config = ["--config", path("vbpr.json")];
      const refused = async (args: readonly string[]) =>
        (await runCli([...train, ...config, ...args], env())).stderr;
      const missing = await refused(given("other.json"));
      expect(missing).toContain("1 rows are of items that are not in the catalogue");
      expect(missing).toContain(
        `FEATURES_MISSING: 1 of ${NUM_ITEMS} items have no row of features 'visual', such as 'i00'`,
      );
      expect(await refused(["--features", path("f.npy")])).toContain("INVALID_ARGUMENT");
      expect(await refused(given("absent.json"))).toContain("FILE_NOT_FOUND");
      const resumed = await refused([...given(), "--resume", versionId]);
      expect(resumed).toContain("cannot be given with --resume");
    });
  });

  it("refuses an ending or a file of shoppers before any work", async () => {
    const ending = await runCli(["recommend", "--output", path("r.xlsx")], env());
    expect(ending).toMatchObject({ code: 1, stdout: "" });
    expect(ending.stderr).toContain("INVALID_ARGUMENT");
    const users = await runCli(
      ["recommend", "--output", path("x.csv"), "--users", path("absent.txt")],
      env(),
    );
    expect(users.stderr).toContain("FILE_NOT_FOUND");
    expect((await readdir(home)).filter(name => /^(x|r\.xlsx)/.test(name))).toEqual([]);
  });
});
