/** @file A running server whose database goes away in several ways, and comes back, with requests and jobs in progress. */
import pg from "pg";
import { runCli, type RunningServer, startServe } from "../helpers/cli.js";
import { CutProxy } from "../helpers/cut-proxy.js";
import { testDatabaseUrl, whyNoPostgres } from "../helpers/databases.js";
import { FaultyShop } from "../helpers/faulty-shop.js";
import { patience } from "../helpers/patience.js";

const AWAY = "DATABASE_UNREACHABLE";

function describeFaults() {
  const shop = new FaultyShop("postgres");
  let proxy: CutProxy;
  let server: RunningServer;

  beforeAll(async () => {
    await shop.create();
    const { hostname: host, port } = new URL(testDatabaseUrl);
    proxy = await CutProxy.start({ host, port: Number(port || 5432) });
    server = await startServe({ ...shop.env, DATABASE_URL: proxy.through(shop.databaseUrl) });
  }, patience(120_000));

  afterAll(async () => {
    await server.stop();
    await proxy.close();
    await shop.remove();
  });

  const onDatabase = async (sql: string) => {
    const client = new pg.Client({ connectionString: shop.databaseUrl });
    await client.connect();
    const { rows } = await client.query<{ n: number }>(sql);
    await client.end();
    return rows[0].n;
  };

  /** Queues images of four users, who have none yet. @returns how many jobs there are then. */
  const queueImages = async (seed: number) => {
    const users = await onDatabase("SELECT count(*)::int AS n FROM users");
    for (let n = 1; n <= 4; n++) {
      const userId = `sim-${String(Math.min(n + 1, users - 1)).padStart(4, "0")}`;
      await shop.data(
        server,
        shop.personalize(userId, `seed: ${seed}, numCandidates: 1, waitMs: 0`),
      );
    }
    return onDatabase("SELECT count(*)::int AS n FROM jobs WHERE kind = 'PERSONALIZE_IMAGE'");
  };

  /** No job is lost, failed or done twice. */
  const expectAllDone = async (numJobs: number) => {
    const jobs = await shop.untilIdle(server);
    expect(jobs).toHaveLength(numJobs);
    expect(new Set(jobs.map(({ state }) => state))).toEqual(new Set(["SUCCEEDED"]));
    expect(
      await onDatabase(
        `SELECT count(*)::int AS n FROM jobs WHERE state = 'SUCCEEDED' AND kind = 'PERSONALIZE_IMAGE'
         AND result ? 'imageId' AND NOT EXISTS
           (SELECT 1 FROM personalized_images WHERE id::text = result ->> 'imageId')`,
      ),
    ).toBe(0);
  };

  it(
    "restarted: requests in progress get a code, and the next ones new connections",
    async () => {
      const load = await shop.startLoad(server);
      const numJobs = await queueImages(11);
      for (let n = 0; n < 5; n++) {
        await load.until("right", 5);
        proxy.cut();
      }
      await load.until("right", 20);
      expect((await load.stop()).filter(kind => kind !== AWAY)).toEqual(["right"]);
      await expectAllDone(numJobs);
      expect(await shop.readiness(server)).toMatchObject({ status: 200, ready: true });
    },
    patience(60_000),
  );

  it(
    "away for seconds: readiness names it, nothing is lost, and the server recovers by itself",
    async () => {
      const load = await shop.startLoad(server);
      const numJobs = await queueImages(12);
      proxy.set("refuse");
      await load.until(AWAY, 40);
      expect(await shop.readiness(server)).toMatchObject({
        status: 503,
        ready: false,
        missing: ["database"],
      });
      const health = await fetch(`${server.url}/health`);
      expect(health.status).toBe(503);
      await new Promise(resolve => setTimeout(resolve, 2_000));
      proxy.set("pass");
      await load.until("right", 20);
      expect(await load.stop()).toEqual([AWAY, "right"]);
      expect(await shop.readiness(server)).toMatchObject({ status: 200, missing: [] });
      await expectAllDone(numJobs);
    },
    patience(60_000),
  );

  it(
    "that hangs: requests end with a code, and the server recovers by itself",
    async () => {
      const load = await shop.startLoad(server);
      const numJobs = await queueImages(13);
      proxy.set("hold");
      await load.until(AWAY, 4);
      expect(await shop.readiness(server)).toMatchObject({ status: 503, missing: ["database"] });
      proxy.set("pass");
      await load.until("right", 20);
      expect(await load.stop()).toEqual([AWAY, "right"]);
      await expectAllDone(numJobs);
    },
    patience(90_000),
  );

  it(
    "behind a pooler that drops connections: each request is right or coded, each job is done once",
    async () => {
      const load = await shop.startLoad(server);
      const numJobs = await queueImages(14);
      for (let round = 0; round < 40; round++) {
        proxy.cut(place => (place + round) % 3 === 0);
        await new Promise(resolve => setTimeout(resolve, 50));
      }
      await load.until("right", 20);
      expect((await load.stop()).filter(kind => kind !== AWAY)).toEqual(["right"]);
      await expectAllDone(numJobs);
    },
    patience(60_000),
  );

  it(
    "lost while an interaction is recorded: asked again, it is stored once",
    async () => {
      const record = `mutation { recordInteractions(input: [
        { userId: "cut-off", itemId: "${shop.itemId}", kind: LIKE, occurredAt: "2026-01-01T00:00:00Z" }]) {
        accepted duplicates } }`;
      let isStored = false;
      const cutting = setInterval(() => {
        proxy.cut();
      }, 15);
      for (let n = 0; n < 10; n++) {
        const { body, status } = await shop.ask(server, record);
        isStored ||= status === 200;
        expect([undefined, "DATABASE_UNREACHABLE"]).toContain(body.errors?.[0].extensions.code);
      }
      clearInterval(cutting);
      if (!isStored) {
        await shop.data(server, record);
      }
      expect(
        await onDatabase("SELECT count(*)::int AS n FROM interactions WHERE user_id = 'cut-off'"),
      ).toBe(1);
    },
    patience(60_000),
  );

  it("away when a server starts: it ends with a code, which names the cause", async () => {
    proxy.set("refuse");
    const { code, stderr } = await runCli(["serve"], {
      ...shop.env,
      VITRINE_PORT: "0",
      DATABASE_URL: proxy.through(shop.databaseUrl),
    });
    proxy.set("pass");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DATABASE_UNREACHABLE: The database cannot be reached: Error: /m);
  });

  it("never ended the process, and told no client an internal text", () => {
    expect(server.log).not.toMatch(/uncaught|unhandled|FATAL/i);
  });
}

if (whyNoPostgres === null) {
  describe("a database", describeFaults);
} else {
  describe.skip(`a database (Postgres: ${whyNoPostgres})`, () => {
    it.todo("needs a Postgres");
  });
}
