/**
 * @file A running server whose disk is full or cannot be written, whose files are damaged, whose clock is set back, or which
 * is told to end: with requests and jobs in progress.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCli, type RunningServer, type ServeOptions, startServe } from "../helpers/cli.js";
import { whyNoPostgres } from "../helpers/databases.js";
import { FaultyShop } from "../helpers/faulty-shop.js";
import { patience } from "../helpers/patience.js";

/** Writes that are too long fail with a code, instead of ending the process; and root obeys permissions, like others. */
const wrapper = [
  "sh",
  "-c",
  `trap '' XFSZ; exec ${process.getuid?.() === 0 ? "setpriv --bounding-set=-dac_override,-dac_read_search" : ""} "$0" "$@"`,
];
const hasTools = ["prlimit", "setpriv"].every(tool => {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});

/** Loaded into the server: its clock is an hour behind the database's. */
const clockBehind = `const now = Date.now;
Date.now = () => now() - 3_600_000;
globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length > 0 ? given : [Date.now()]));
  }
};`;

/** One bit of the byte in the middle. */
function damage(path: string): () => void {
  const whole = readFileSync(path);
  const bytes = Buffer.from(whole);
  bytes[bytes.length >> 1] ^= 0x40;
  writeFileSync(path, bytes);
  return () => {
    writeFileSync(path, whole);
  };
}

function chmodTree(folder: string, mode: { folder: number; file: number }): void {
  for (const path of [folder, ...(readdirSync(folder, { recursive: true }) as string[])]) {
    const full = path === folder ? folder : join(folder, path);
    chmodSync(full, statSync(full).isDirectory() ? mode.folder : mode.file);
  }
}

const jobState = (id: string) => `{ job(id: "${id}") { state errorCode attempts } }`;
interface JobState {
  job: { state: string; errorCode: string | null; attempts: number };
}

describe("files and the process", () => {
  const isEmbedded = whyNoPostgres !== null;
  const shop = new FaultyShop(isEmbedded ? "embedded" : "postgres");
  let server: RunningServer;
  const start = async (options: ServeOptions = {}) => {
    server = await startServe(shop.env, { wrapper, ...options });
  };

  beforeAll(async () => {
    await shop.create();
    await start();
  }, patience(120_000));
  afterAll(async () => {
    await server.stop();
    await shop.remove();
  });

  /** Queues an image that nobody waits for. @returns its job */
  const queueImage = async (userId: string, seed: number) => {
    const { personalizeImage: got } = await shop.data<{
      personalizeImage: { job: { id: string } };
    }>(server, shop.personalize(userId, `seed: ${seed}, numCandidates: 1, waitMs: 0`));
    return got.job.id;
  };
  const jobUntil = async (id: string, isSo: (job: JobState["job"]) => boolean) => {
    for (;;) {
      const { job } = await shop.data<JobState>(server, jobState(id));
      if (isSo(job)) {
        return job;
      }
      await new Promise(resolve => setTimeout(resolve, 150));
    }
  };
  const untilLogged = async (line: RegExp) => {
    while (!line.test(server.log)) {
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  };
  const hasEnded = ({ state }: { state: string }) => state !== "QUEUED" && state !== "RUNNING";

  /** Breaks something, and looks at a job and at readiness until it is well again. */
  async function expectWaitsAndRecovers(
    seed: number,
    code: "DISK_FULL" | "STORAGE_UNAVAILABLE",
    fault: { begin: () => void; end: () => void },
  ) {
    const load = await shop.startLoad(server);
    fault.begin();
    const broken = await shop.untilReady(server, ({ degraded }) => degraded.length > 0);
    expect(broken).toMatchObject({ status: 200, degraded: [`files cannot be stored: ${code}`] });
    const job = await queueImage("sim-0003", seed);
    await untilLogged(new RegExp(`"jobId":"${job}".*a job is put back`));
    await load.until("right", 10);
    fault.end();
    expect(await jobUntil(job, hasEnded)).toMatchObject({ state: "SUCCEEDED", errorCode: null });
    await shop.untilReady(server, ({ degraded }) => degraded.length === 0);
    expect(await load.stop()).toEqual(["right"]);
  }

  const ifTools = hasTools && !isEmbedded ? it : it.skip;

  ifTools(
    "a full disk: the server answers, the job waits, and is done when there is room",
    async () => {
      const limit = (bytes: string) =>
        execFileSync("prlimit", ["--pid", String(server.pid), `--fsize=${bytes}:unlimited`]);
      await expectWaitsAndRecovers(21, "DISK_FULL", {
        begin: () => limit("2048"),
        end: () => limit("unlimited"),
      });
    },
    patience(60_000),
  );

  ifTools(
    "a folder that cannot be written: the server answers, the job waits, and is done when it can be",
    async () => {
      await expectWaitsAndRecovers(22, "STORAGE_UNAVAILABLE", {
        begin: () => {
          chmodTree(shop.home, { folder: 0o555, file: 0o444 });
        },
        end: () => {
          chmodTree(shop.home, { folder: 0o755, file: 0o644 });
        },
      });
    },
    patience(60_000),
  );

  it(
    "a damaged image: never served; the catalogue image takes its place, and it is made again",
    async () => {
      const hash = shop.imageHash;
      damage(shop.blobFile(hash));
      for (const query of ["", "?width=64&format=webp"]) {
        const url = `${server.url}/images/${hash}${query}`;
        const answer = await fetch(url, { redirect: "manual" });
        expect(answer.status).toBe(302);
        expect(answer.headers.get("cache-control")).toBe("no-store");
        const followed = await fetch(url);
        expect(followed.status).toBe(200);
        expect(followed.url).not.toContain(hash);
      }
      expect((await shop.readiness(server)).degraded).toEqual([
        `1 image files are damaged, such as '${hash}'`,
      ]);
      const again = await shop.data<{ personalizeImage: { image: { url: string } } }>(
        server,
        shop.personalize(shop.userId),
      );
      expect(again.personalizeImage.image.url).toContain(hash); // the same seed, the same image
      expect((await fetch(`${server.url}/images/${hash}`, { redirect: "manual" })).status).toBe(
        200,
      );
      expect((await shop.readiness(server)).degraded).toEqual([]);
    },
    patience(60_000),
  );

  it(
    "told to end: requests in progress are answered first, and the exit code is 0",
    async () => {
      const waiting = shop.ask(
        server,
        shop.personalize("sim-0005", "waitMs: 60000, seed: 24, numCandidates: 1"),
      );
      await new Promise(resolve => setTimeout(resolve, 100));
      await server.stop();
      const { body, status } = await waiting;
      expect({ status, errors: body.errors }).toEqual({ status: 200, errors: undefined });
      expect(await server.ended).toBe(0);
    },
    patience(60_000),
  );

  it(
    "a damaged index, ranking model and pack: readiness names them, the rest serves, and they recover",
    async () => {
      const metadata = JSON.parse(
        readFileSync(join(shop.home, "index", "metadata.json"), "utf8"),
      ) as { graph: { name: string } };
      damage(join(shop.home, "index", metadata.graph.name));
      const [version] = readdirSync(join(shop.home, "rankers")).filter(
        name => !name.startsWith("."),
      );
      const weights = readdirSync(join(shop.home, "rankers", version)).find(name =>
        name.endsWith(".safetensors"),
      );
      const mendRanker = damage(join(shop.home, "rankers", version, weights!));
      const mendPack = damage(join(shop.packDir, "unet", "model.onnx"));
      await start();
      await untilLogged(/INDEX_DAMAGED.*the stored caption index is not the one that serves/);
      const load = await shop.startLoad(server);
      const job = await queueImage("sim-0006", 25);
      const { errorCode, state } = await jobUntil(job, hasEnded);
      expect({ errorCode, state }).toEqual({ errorCode: "MODEL_FILE_DAMAGED", state: "FAILED" });
      expect(server.log).toMatch(/unet\/model\.onnx; run 'vitrine models pull/);
      const { degraded, missing } = await shop.readiness(server);
      expect(missing).toEqual(["ranking model"]); // there is no earlier version
      expect(degraded.join("\n")).toMatch(
        /^the active ranking model .* cannot be read; none serves in its place\nthe model pack's generator cannot be used: MODEL_FILE_DAMAGED$/,
      );
      expect(await load.stop()).toEqual(["right"]); // the exact search, then the new index
      mendPack();
      mendRanker();
      const retried = await queueImage("sim-0006", 26);
      expect(await jobUntil(retried, hasEnded)).toMatchObject({ state: "SUCCEEDED" });
    },
    patience(90_000),
  );

  it(
    "started with the clock an hour behind: images are made, and keys are valid",
    async () => {
      await server.stop();
      await start({
        nodeArgs: ["--import", `data:text/javascript,${encodeURIComponent(clockBehind)}`],
      });
      expect(await shop.readiness(server)).toMatchObject({
        status: 200,
        missing: [],
        degraded: [],
      });
      const load = await shop.startLoad(server);
      const job = await queueImage("sim-0007", 27);
      expect(await jobUntil(job, hasEnded)).toMatchObject({ state: "SUCCEEDED", attempts: 1 });
      const { issueShopperToken } = await shop.data<{ issueShopperToken: { token: string } }>(
        server,
        `mutation { issueShopperToken(userId: "sim-0007", ttlSeconds: 60) { token } }`,
      );
      expect(issueShopperToken.token).toMatch(/^ey/);
      expect(await load.stop()).toEqual(["right"]);
    },
    patience(90_000),
  );

  it("a pack whose file was cut: a server that starts ends with a code, which names pack, file and remedy", async () => {
    const path = join(shop.packDir, "unet", "model.onnx");
    writeFileSync(path, readFileSync(path).subarray(0, -1));
    const { code, stderr } = await runCli(["serve"], { ...shop.env, VITRINE_PORT: "0" });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^MODEL_FILE_DAMAGED: .*'mini'.*unet\/model\.onnx; run 'vitrine models pull mini --refresh'/m,
    );
  });

  it("never ended by itself", () => {
    expect(server.log).not.toMatch(/uncaught|unhandled|FATAL/i);
  });
});
