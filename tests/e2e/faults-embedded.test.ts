/** @file The embedded database on a disk that fills up, is freed, and whose process is killed. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCliJson, type RunningServer, startServe } from "../helpers/cli.js";
import { patience } from "../helpers/patience.js";
import { miniPackDir } from "../unit/ml/runtime/mini-pack.js";

/** Makes a folder a disk of its own, in memory. */
function mountDisk(folder: string): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=80m", "none", folder], { stdio: "ignore" });
}

function unmount(folder: string): void {
  execFileSync("umount", [folder]);
}

/** Whether this process may mount disks. */
function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-small-disk-"));
  try {
    mountDisk(folder);
    unmount(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(folder);
  }
}

/** Writes until nothing fits. */
function fill(path: string): void {
  const file = openSync(path, "w");
  const bytes = Buffer.alloc(2 ** 16, 1);
  try {
    for (;;) {
      writeSync(file, bytes);
    }
  } catch {
    closeSync(file); // the disk is full
  }
}

const describeOnDisk = mayMount() ? describe : describe.skip;

describeOnDisk("the embedded database on a full disk (needs a disk of its own)", () => {
  const home = mkdtempSync(join(tmpdir(), "vitrine-small-disk-"));
  const filler = join(home, "filler");
  const env = { VITRINE_HOME: home, VITRINE_ONNX_THREADS: "1", VITRINE_MODELS: miniPackDir };
  let server: RunningServer;
  let key: string;

  beforeAll(async () => {
    mountDisk(home);
    ({ key } = await runCliJson<{ key: string }>(["keys", "create", "a", "--role", "admin"], env));
    server = await startServe(env);
    await ask('mutation { upsertItems(input: [{ id: "lamp", title: "Lamp" }]) { __typename } }');
  }, patience(60_000));
  afterAll(async () => {
    await server.kill();
    unmount(home);
    rmdirSync(home);
  });

  async function ask(query: string, variables: object = {}) {
    const response = await fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as {
      data: object | null;
      errors?: { extensions: { code: string } }[];
    };
    return { status: response.status, code: body.errors?.[0].extensions.code, data: body.data };
  }

  /** Views of 400 users. */
  const record = (batch: number) =>
    ask(
      "mutation ($input: [InteractionInput!]!) { recordInteractions(input: $input) { accepted duplicates } }",
      {
        input: Array.from({ length: 400 }, (_, n) => ({
          userId: `user-${batch}-${n}`,
          itemId: "lamp",
          kind: "VIEW",
          occurredAt: "2026-01-01T00:00:00Z",
        })),
      },
    );
  const accepted = (count: number) => ({
    status: 200,
    data: { recordInteractions: { accepted: count, duplicates: 400 - count } },
  });

  it(
    "refuses what it cannot store with a code, answers reads, and stores again when there is room",
    async () => {
      expect(await record(0)).toMatchObject(accepted(400));
      fill(filler);
      let batch = 1;
      let refused = await record(batch);
      for (; refused.code === undefined && batch < 100; refused = await record(++batch)) {
        // rows fit into pages that the database already has
      }
      expect(refused).toEqual({ status: 507, code: "DISK_FULL", data: null });
      expect(await ask('{ item(id: "lamp") { title } }')).toMatchObject({ status: 200 });
      const ready = await fetch(`${server.url}/ready`);
      expect(await ready.json()).toMatchObject({
        degraded: ["files cannot be stored: DISK_FULL"],
      });

      rmSync(filler);
      expect(await record(batch)).toMatchObject(accepted(400)); // nothing of the refused ones is there
      await server.kill();
      server = await startServe(env);
      expect(await record(batch)).toMatchObject(accepted(0));
    },
    patience(60_000),
  );
});
