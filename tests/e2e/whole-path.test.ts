/** From an empty folder to a personalized image, only through the command line and HTTP, on both kinds of database. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type RunningServer, runCli, runCliJson, startServe } from "../helpers/cli.js";
import { testDatabaseUrl, whyNoPostgres } from "../helpers/databases.js";
import { patience } from "../helpers/patience.js";
import { miniPackDir } from "../unit/ml/runtime/mini-pack.js";

const demo = ["demo", "--once", "--concepts", "12", "--users", "40"];
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

interface DemoLine {
  url: string;
  file: string;
  userId: string;
  itemId: string;
  deltaR: number;
  rankBefore: number;
  rankAfter: number;
  seconds: number;
}

interface Answer {
  data: Record<string, never> | null;
  errors?: { message: string; extensions: { code: string } }[];
}

interface JobAnswer {
  state: string;
  progress: number;
  attempts: number;
  previewUrl: string | null;
}

interface Requested {
  __typename: string;
  isCached?: boolean;
  reason?: string;
  job?: { id: string; state: string };
  image?: {
    id: string;
    url: string;
    seed: number;
    explanation: { retrieved: { weight: number; item: { id: string } }[] };
    rankChange: { deltaR: number; rankBefore: number; rankAfter: number; numRanked: number };
  };
}

const personalize = `mutation ($userId: ID!, $itemId: ID!, $options: PersonalizeImageOptions) {
  personalizeImage(userId: $userId, itemId: $itemId, options: $options) {
    __typename
    ... on PersonalizedImagePayload {
      isCached
      image {
        id seed generator url generationSeconds
        explanation { retrieved { similarity weight item { id } } }
        rankChange { deltaR rankBefore rankAfter numRanked }
      }
    }
    ... on JobRunning { job { id state } }
    ... on OriginalImage { reason message catalogueImage { url } }
  }
}`;

const rankChange = (before: number, after: number) => (before - after) / (1 + before);

function describeWholePath(kind: "embedded" | "Postgres") {
  const env: NodeJS.ProcessEnv = {
    VITRINE_HOME: mkdtempSync(join(tmpdir(), "vitrine-e2e-")),
    VITRINE_PORT: "0",
    VITRINE_MODELS: miniPackDir,
  };
  const databaseName = `vitrine_e2e_${randomUUID().replaceAll("-", "")}`;
  let first: DemoLine;
  let server: RunningServer;
  let key: string;

  async function admin(sql: string) {
    const client = new pg.Client({ connectionString: testDatabaseUrl });
    await client.connect();
    await client.query(sql);
    await client.end();
  }

  async function ask(query: string, variables: object = {}, bearer = key): Promise<Answer> {
    const response = await fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as Answer;
  }

  /** Repeats the request while the image is being generated, unless `waitMs` is 0. */
  const request = async (
    userId: string,
    itemId: string,
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<Requested> => {
    const answer = await ask(personalize, {
      userId,
      itemId,
      options: { waitMs: 60_000, ...options },
    });
    expect(answer.errors).toBeUndefined();
    const { personalizeImage: got } = answer.data as unknown as { personalizeImage: Requested };
    return got.__typename === "JobRunning" && options.waitMs !== 0
      ? { ...(await request(userId, itemId, options)), isCached: false }
      : got;
  };

  const numGenerations = async () => {
    const { data } = await ask(
      `{ jobs(first: 100, kind: PERSONALIZE_IMAGE) { edges { node { id } } } }`,
    );
    return (data as unknown as { jobs: { edges: unknown[] } }).jobs.edges.length;
  };

  beforeAll(async () => {
    if (kind === "Postgres") {
      await admin(`CREATE DATABASE ${databaseName}`);
      const url = new URL(testDatabaseUrl);
      url.pathname = `/${databaseName}`;
      env.DATABASE_URL = url.href;
    }
    first = await runCliJson<DemoLine>(demo, env);
    ({ key } = await runCliJson<{ key: string }>(
      ["keys", "create", "e2e", "--role", "admin"],
      env,
    ));
    server = await startServe(env);
  }, patience(400_000));

  afterAll(async () => {
    await server.stop();
    rmSync(env.VITRINE_HOME!, { recursive: true, force: true });
    if (kind === "Postgres") {
      await admin(`DROP DATABASE IF EXISTS ${databaseName} WITH (FORCE)`);
    }
  });

  it("returns the demo's picture as a file, with the rank change of its ranks", () => {
    expect(readFileSync(first.file).subarray(0, 4)).toEqual(PNG);
    expect(first.deltaR).toBeCloseTo(rankChange(first.rankBefore, first.rankAfter), 12);
    expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/images\/[0-9a-f]{64}$/);
  });

  it("finds the demo's picture instead of generating it again", async () => {
    const before = await numGenerations();
    const again = await request(first.userId, first.itemId);
    expect(again).toMatchObject({ __typename: "PersonalizedImagePayload", isCached: true });
    expect(again.image?.url).toContain(first.url.slice(-64));
    expect(await numGenerations()).toBe(before);
  });

  it("generates one picture for 64 identical concurrent requests", async () => {
    const before = await numGenerations();
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => request("sim-0002", first.itemId)),
    );
    expect(new Set(answers.map(({ image }) => image?.id)).size).toBe(1);
    expect(answers[0].image?.id).toBeDefined();
    expect(await numGenerations()).toBe(before + 1);
  });

  it("explains the picture by history items whose weights sum to 1", async () => {
    const { image } = await request("sim-0002", first.itemId);
    const { retrieved } = image!.explanation;
    expect(retrieved.length).toBeGreaterThan(0);
    expect(retrieved.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 5);
    const { data } = await ask(
      `{ user(id: "sim-0002") { history(first: 100) { edges { node { item { id } } } } } }`,
    );
    const history = (
      data as unknown as { user: { history: { edges: { node: { item: { id: string } } }[] } } }
    ).user.history.edges.map(({ node }) => node.item.id);
    for (const { item } of retrieved) {
      expect(history).toContain(item.id);
    }
    const { deltaR, rankBefore, rankAfter, numRanked } = image!.rankChange;
    expect(deltaR).toBeCloseTo(rankChange(rankBefore, rankAfter), 12);
    expect(rankAfter).toBeLessThanOrEqual(numRanked);
  });

  it("serves the picture with an immutable cache header, in the requested size and format", async () => {
    const { image } = await request(first.userId, first.itemId);
    const url = new URL(image!.url, server.url);
    const stored = await fetch(url);
    expect(stored.headers.get("cache-control")).toContain("immutable");
    expect(Buffer.from(await stored.arrayBuffer()).subarray(0, 4)).toEqual(PNG);
    url.search = "?width=64&format=webp";
    expect((await fetch(url)).headers.get("content-type")).toBe("image/webp");
  });

  it("generates a new picture after a new interaction", async () => {
    const before = await request("sim-0003", first.itemId, { numCandidates: 1, numSteps: 4 });
    const { data: page } = await ask(`{ items(first: 100) { edges { node { id } } } }`);
    const { data: user } = await ask(
      `{ user(id: "sim-0003") { history(first: 100) { edges { node { item { id } } } } } }`,
    );
    const known = JSON.stringify(user);
    const ids = (page as unknown as { items: { edges: { node: { id: string } }[] } }).items.edges
      .map(({ node }) => node.id)
      .filter(id => id !== first.itemId && !known.includes(`"${id}"`));
    const recorded = await ask(
      `mutation ($input: [InteractionInput!]!) { recordInteractions(input: $input) { accepted duplicates } }`,
      {
        input: [
          {
            userId: "sim-0003",
            itemId: ids[0],
            kind: "LIKE",
            occurredAt: new Date().toISOString(),
          },
        ],
      },
    );
    expect(recorded.data).toEqual({ recordInteractions: { accepted: 1, duplicates: 0 } });
    const after = await request("sim-0003", first.itemId, { numCandidates: 1, numSteps: 4 });
    expect(after.isCached).toBe(false);
    expect(after.image?.id).not.toBe(before.image?.id);
  });

  it("returns the original with the reason for a shopper without history", async () => {
    const { data } = await ask(
      `mutation { recordInteractions(input: [{ userId: "newcomer", itemId: "${first.itemId}", kind: VIEW, occurredAt: "2026-01-01T00:00:00Z" }]) { accepted } }`,
    );
    expect(data).toEqual({ recordInteractions: { accepted: 1 } });
    // The history's only item is the reference itself, which does not count.
    const answer = await request("newcomer", first.itemId);
    expect(answer).toMatchObject({ __typename: "OriginalImage", reason: "NO_HISTORY" });
  });

  it("treats an unknown visitor as a shopper without recording them", async () => {
    const answer = await request("visitor", first.itemId);
    expect(answer).toMatchObject({ __typename: "OriginalImage", reason: "NO_HISTORY" });
    const { data, errors } = await ask(
      `mutation { startGeneration(pairs: [{ userId: "visitor", itemId: "${first.itemId}" }]) {
         ... on OriginalImage { reason } } }`,
    );
    expect(errors).toBeUndefined();
    expect(data).toEqual({ startGeneration: [{ reason: "NO_HISTORY" }] });
    const read = await ask(
      `{ recommendations(userId: "visitor", first: 3) { source edges { node { id } } } user(id: "visitor") { id } }`,
    );
    expect(read.errors).toBeUndefined();
    expect(read.data).toMatchObject({
      recommendations: {
        source: "POPULARITY",
        edges: Array(3).fill({ node: expect.anything() as unknown }),
      },
      user: null,
    });
  });

  it("reports unknown items and invalid options", async () => {
    for (const [userId, itemId, options, code] of [
      [first.userId, "nothing", {}, "ITEM_NOT_FOUND"],
      [first.userId, first.itemId, { strength: 2 }, "INVALID_ARGUMENT"],
    ] as const) {
      const { errors } = await ask(personalize, { userId, itemId, options });
      expect(errors?.[0].extensions.code).toBe(code);
    }
  });

  it("recommends, finds similar items, and summarises rank changes", async () => {
    const { data, errors } = await ask(
      `{ recommendations(userId: "sim-0001", first: 5) { source edges { node { id } } }
         similarItems(itemId: "${first.itemId}", first: 3) { edges { similarity node { id } } }
         rankChangeSummary { count mean median winRate } }`,
    );
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({
      recommendations: { source: "RANKER" },
      rankChangeSummary: { count: expect.any(Number) as number },
    });
    expect(JSON.stringify(data)).not.toContain('"count":0');
  });

  it(
    "ranks with a new ranking model, and rolls back to the previous one",
    async () => {
      const before = await request(first.userId, first.itemId);
      const ended = async (id: string) => {
        for (;;) {
          const { data } = await ask(`{ job(id: "${id}") { state errorMessage } }`);
          const { job } = data as unknown as {
            job: { state: string; errorMessage: string | null };
          };
          if (job.state !== "QUEUED" && job.state !== "RUNNING") {
            return job;
          }
          await new Promise(resolve => setTimeout(resolve, 200));
        }
      };
      const startJob = async (mutation: string) => {
        const { data, errors } = await ask(`mutation { job: ${mutation} { id } }`);
        expect(errors).toBeUndefined();
        const { job } = data as unknown as { job: { id: string } };
        expect(await ended(job.id)).toEqual({ state: "SUCCEEDED", errorMessage: null });
      };
      const activeIds = async () => {
        const { data } = await ask(`{ rankingModels { edges { node { id isActive } } } }`);
        return (
          data as unknown as {
            rankingModels: { edges: { node: { id: string; isActive: boolean } }[] };
          }
        ).rankingModels.edges.flatMap(({ node }) => (node.isActive ? node.id : []));
      };
      const scoringVersions = async () => {
        const { data } = await ask(
          `{ rankChanges(first: 100, filter: { userId: "${first.userId}" }) { edges { node { modelVersion { id } image { id } } } } }`,
        );
        return (
          data as unknown as {
            rankChanges: {
              edges: { node: { modelVersion: { id: string }; image: { id: string } } }[];
            };
          }
        ).rankChanges.edges.flatMap(({ node }) =>
          node.image.id === before.image?.id ? node.modelVersion.id : [],
        );
      };

      const [oldVersion] = await activeIds();
      expect(await scoringVersions()).toEqual([oldVersion]);
      await startJob(
        `startRankerTraining(input: { seed: 2, config: { preset: "quick", numEpochs: 2 } })`,
      );
      const [newVersion, ...others] = await activeIds();
      expect(others).toEqual([]);
      expect(newVersion).not.toBe(oldVersion);

      await startJob("startScoring");
      expect(new Set(await scoringVersions())).toEqual(new Set([oldVersion, newVersion]));
      expect((await request(first.userId, first.itemId)).isCached).toBe(false); // another model, another picture

      const { errors } = await ask(`mutation { rollbackRankingModel { id } }`);
      expect(errors).toBeUndefined();
      expect(await activeIds()).toEqual([oldVersion]);
      const again = await request(first.userId, first.itemId);
      expect({ id: again.image?.id, isCached: again.isCached }).toEqual({
        id: before.image?.id,
        isCached: true,
      });
    },
    patience(240_000),
  );

  it(
    "resumes a picture whose process was killed",
    async () => {
      const running = await request("sim-0004", first.itemId, {
        waitMs: 0,
        numSteps: 100,
        numCandidates: 2,
      });
      expect(running.__typename).toBe("JobRunning");
      const jobId = running.job!.id;
      const stateOf = async () => {
        const { data } = await ask(
          `{ job(id: "${jobId}") { state progress attempts previewUrl } }`,
        );
        return (data as unknown as { job: JobAnswer }).job;
      };
      while ((await stateOf()).progress < 0.05) {
        await new Promise(resolve => setTimeout(resolve, 50));
      }
      await server.kill();
      server = await startServe(env);
      let job = await stateOf();
      while (job.state === "QUEUED" || job.state === "RUNNING") {
        await new Promise(resolve => setTimeout(resolve, 250));
        job = await stateOf();
      }
      expect(job).toMatchObject({ state: "SUCCEEDED", attempts: 2 });
      const preview = await fetch(new URL(job.previewUrl!, server.url));
      expect(Buffer.from(await preview.arrayBuffer()).subarray(0, 4)).toEqual(PNG);
      const again = await request("sim-0004", first.itemId, { numSteps: 100, numCandidates: 2 });
      expect(again.isCached).toBe(true);
    },
    patience(240_000),
  );

  it(
    "starts the demo again without generating anything",
    async () => {
      await server.stop();
      const again = await runCliJson<DemoLine>(demo, env);
      expect({ file: again.file, deltaR: again.deltaR }).toEqual({
        file: first.file,
        deltaR: first.deltaR,
      });
      server = await startServe(env);
    },
    patience(120_000),
  );
}

describe("vitrine", () => {
  it("exits with 2 for wrong usage and lists its commands for --help", async () => {
    expect((await runCli(["--nonsense"], {})).code).toBe(2);
    const help = await runCli(["--help"], {});
    expect(help.code).toBe(0);
    for (const command of ["demo", "serve", "import", "index", "train", "keys", "models"]) {
      expect(help.stdout).toContain(`  ${command}`);
    }
  });

  it("exits with 1 and lists every fault of the configuration", async () => {
    const { code, stderr } = await runCli(["serve"], { VITRINE_PORT: "x", VITRINE_COLOUR: "1" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/CONFIG_INVALID[^]*VITRINE_PORT[^]*VITRINE_COLOUR/);
  });
});

if (existsSync(miniPackDir)) {
  describe("from an empty folder to a picture (embedded)", () => {
    describeWholePath("embedded");
  });
  if (whyNoPostgres === null) {
    describe("from an empty database to a picture (Postgres)", () => {
      describeWholePath("Postgres");
    });
  } else {
    describe.skip(`from nothing to a picture (Postgres: ${whyNoPostgres})`, () => {
      it.todo("needs a Postgres");
    });
  }
} else {
  describe.skip(`from nothing to a picture (there is no model pack at ${miniPackDir})`, () => {
    it.todo("needs models/mini");
  });
}
