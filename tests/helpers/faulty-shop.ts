/** @file A small shop behind a real `vitrine serve`, asked without a pause while something is broken. */
import { randomUUID } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { miniPackDir } from "../unit/ml/runtime/mini-pack.js";
import { runCliJson, type RunningServer } from "./cli.js";
import { testDatabaseUrl } from "./databases.js";
import { patience } from "./patience.js";

export interface Answer {
  status: number;
  body: {
    data?: Record<string, unknown> | null;
    errors?: { message: string; extensions: { code: string } }[];
  };
}

/** What `/ready` answers. */
export interface Readiness {
  status: number;
  ready: boolean;
  missing: string[];
  degraded: string[];
}

/** What came of one request: `right`, the code of its error (503, or 200 with the rest of the data), or what is wrong. */
type Outcome = string;

const sleep = (ms: number) => new Promise(wake => setTimeout(wake, ms));

/** A folder, a pack of its own and, unless embedded, a database of its own. */
export class FaultyShop {
  readonly home = mkdtempSync(join(tmpdir(), "vitrine-faults-"));
  readonly packDir = join(this.home, "..", `${randomUUID()}-pack`);
  readonly env: NodeJS.ProcessEnv;
  key = "";
  userId = "";
  itemId = "";
  /** Of its stored personalised image. */
  imageHash = "";
  private readonly databaseName: string | null;

  constructor(kind: "embedded" | "postgres") {
    this.databaseName = kind === "postgres" ? `vitrine_faults_${randomUUID().slice(0, 8)}` : null;
    this.env = { VITRINE_HOME: this.home, VITRINE_ONNX_THREADS: "1", VITRINE_MODELS: this.packDir };
  }

  /** The database's own address. */
  get databaseUrl(): string {
    const url = new URL(testDatabaseUrl);
    url.pathname = `/${this.databaseName}`;
    return url.href;
  }

  async create(): Promise<void> {
    cpSync(miniPackDir, this.packDir, { recursive: true });
    if (this.databaseName !== null) {
      await onServer(`CREATE DATABASE ${this.databaseName}`);
      this.env.DATABASE_URL = this.databaseUrl;
    }
    const env = { ...this.env, VITRINE_PORT: "0" };
    const demo = ["demo", "--once", "--concepts", "12", "--users", "30"];
    const { file, itemId, userId } = await runCliJson<{
      file: string;
      userId: string;
      itemId: string;
    }>(demo, env);
    Object.assign(this, { userId, itemId, imageHash: file.slice(-64) });
    ({ key: this.key } = await runCliJson<{ key: string }>(
      ["keys", "create", "faults", "--role", "admin"],
      this.env,
    ));
  }

  async remove(): Promise<void> {
    rmSync(this.home, { recursive: true, force: true });
    rmSync(this.packDir, { recursive: true, force: true });
    if (this.databaseName !== null) {
      await onServer(`DROP DATABASE IF EXISTS ${this.databaseName} WITH (FORCE)`);
    }
  }

  blobFile(hash: string): string {
    return join(this.home, "blobs", hash.slice(0, 2), hash);
  }

  async ask({ url }: RunningServer, query: string): Promise<Answer> {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${this.key}` },
      body: JSON.stringify({ query }),
    });
    return { status: response.status, body: (await response.json()) as Answer["body"] };
  }

  /** The data of an answer. @throws Error with its errors */
  async data<Data>(server: RunningServer, query: string): Promise<Data> {
    const { body } = await this.ask(server, query);
    if (body.errors || !body.data) {
      throw new Error(`${query}: ${JSON.stringify(body.errors)}`);
    }
    return body.data as Data;
  }

  async readiness({ url }: RunningServer): Promise<Readiness> {
    const response = await fetch(`${url}/ready`);
    return { status: response.status, ...((await response.json()) as Omit<Readiness, "status">) };
  }

  /** Waits until `/ready` answers so. */
  async untilReady(
    server: RunningServer,
    isSo: (readiness: Readiness) => boolean,
  ): Promise<Readiness> {
    let readiness: Readiness;
    do {
      await sleep(100);
      readiness = await this.readiness(server);
    } while (!isSo(readiness));
    return readiness;
  }

  personalize(userId: string, options = "waitMs: 60000"): string {
    return `mutation { personalizeImage(userId: "${userId}", itemId: "${this.itemId}", options: { ${options} }) {
      __typename ... on PersonalizedImagePayload { image { url } } ... on JobRunning { job { id } }
      ... on OriginalImage { reason } } }`;
  }

  /** Waits until no job waits or runs. @returns all jobs for images, newest first. */
  async untilIdle(server: RunningServer): Promise<FinishedJob[]> {
    for (;;) {
      const { jobs } = await this.data<{ jobs: { edges: { node: FinishedJob }[] } }>(
        server,
        "{ jobs(first: 100, kind: PERSONALIZE_IMAGE) { edges { node { id state attempts errorCode } } } }",
      );
      const rows = jobs.edges.map(({ node }) => node);
      if (rows.every(({ state }) => state !== "QUEUED" && state !== "RUNNING")) {
        return rows;
      }
      await sleep(150);
    }
  }

  /** Starts to ask for many things at once; each answer must be as it is now, or say that it may be asked for again. */
  async startLoad(server: RunningServer): Promise<Load> {
    const queries = [
      `{ item(id: "${this.itemId}") { id title caption { text } } }`,
      `{ user(id: "${this.userId}") { history(first: 5) { edges { node { item { id } } } } } }`,
      `{ recommendations(userId: "${this.userId}", first: 5) { source edges { node { id } } } }`,
      `{ similarItems(itemId: "${this.itemId}", first: 5) { edges { node { id } } } }`,
    ];
    const right: string[] = [];
    for (const query of queries) {
      right.push(JSON.stringify(await this.data(server, query)));
    }
    return new Load(async place => {
      const n = place % queries.length;
      const { body, status } = await this.ask(server, queries[n]);
      const [error] = body.errors ?? [];
      if (error) {
        const { code } = error.extensions;
        const isPart = Object.values(body.data ?? {}).some(value => value !== null);
        return status === (isPart ? 200 : 503) ? code : `${status} ${code}`;
      }
      const got = JSON.stringify(body.data);
      return got === right[n] ? "right" : `wrong: ${got} instead of ${right[n]}`;
    });
  }
}

export interface FinishedJob {
  id: string;
  state: string;
  attempts: number;
  errorCode: string | null;
}

/** Four clients that ask until they are stopped. */
export class Load {
  private isStopped = false;
  private readonly counts = new Map<Outcome, number>();
  private readonly clients: Promise<void>[];

  constructor(request: (place: number) => Promise<Outcome>) {
    this.clients = [0, 1, 2, 3].map(async first => {
      for (let place = first; !this.isStopped; place++) {
        const outcome = await request(place);
        this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1);
        await sleep(20);
      }
    });
  }

  count(outcome: Outcome): number {
    return this.counts.get(outcome) ?? 0;
  }

  /** Waits for so many more answers of this kind. @throws Error for one that is neither right nor coded, or has the wrong status */
  async until(outcome: Outcome, more: number): Promise<void> {
    const wanted = this.count(outcome) + more;
    while (this.count(outcome) < wanted) {
      const wrong = [...this.counts.keys()].find(kind => !/^(right|[A-Z_]+)$/.test(kind));
      if (wrong !== undefined) {
        await this.stop();
        throw new Error(`an answer was ${wrong}`);
      }
      await sleep(50);
    }
  }

  /** @returns the kinds of answers that came. */
  async stop(): Promise<Outcome[]> {
    this.isStopped = true;
    await Promise.all(this.clients);
    return [...this.counts.keys()].sort();
  }
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({
    connectionString: testDatabaseUrl,
    connectionTimeoutMillis: patience(2_000),
  });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
