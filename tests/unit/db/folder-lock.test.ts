import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { lockFolder } from "../../../src/db/folder-lock.js";
import { type AppError } from "../../../src/errors/app-error.js";

const lockModule = pathToFileURL(resolve("dist/db/folder-lock.js")).href;

/** Takes the lock, prints success or the error's code and message, and holds it until killed. */
const holderScript = `
  const { lockFolder } = await import(${JSON.stringify(lockModule)});
  try {
    await lockFolder(process.argv[1], { staleMs: 3_000 });
    console.log("taken by " + process.pid);
    setInterval(() => {}, 1e6);
  } catch (error) {
    console.log(error.code + " " + error.message);
  }`;

/** In its own process namespace, as in a container, the first process has the id 1. */
const inNamespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const whyNoNamespace =
  spawnSync(inNamespace[0], [...inNamespace.slice(1), "true"]).status === 0
    ? null
    : "unshare does not work here";

const folders: string[] = [];
const children: ChildProcess[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-lock-"));
  folders.push(folder);
  return folder;
}

/** Starts a process that takes the lock. @returns its output, and a function that kills it with SIGKILL. */
async function startHolder(folder: string, prefix: readonly string[] = []) {
  const [command, ...args] = [
    ...prefix,
    process.execPath,
    "--input-type=module",
    "-e",
    holderScript,
    folder,
  ];
  const child = spawn(command, args, {
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return {
    said: said.toString().trim(),
    async kill() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

afterEach(() => {
  children.splice(0).forEach(child => child.kill("SIGKILL"));
  folders.splice(0).forEach(folder => {
    rmSync(folder, { recursive: true, force: true });
  });
});

describe("lockFolder()", () => {
  it("admits one holder at a time", async () => {
    const folder = newFolder();
    const release = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({
      code: "DATA_FOLDER_LOCKED",
      details: { pid: process.pid },
    });
    await release();
    expect(readdirSync(folder)).toEqual([]);
    await (
      await lockFolder(folder)
    )();
  });

  it("admits one of many concurrent processes", async () => {
    const folder = newFolder();
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
    const taken = tries.flatMap(one => (one.status === "fulfilled" ? [one.value] : []));
    expect(taken).toHaveLength(1);
    await taken[0]();
  });

  it("refuses a folder that another living process holds, and names it", async () => {
    const folder = newFolder();
    const { said } = await startHolder(folder);
    const pid = Number(/^taken by (\d+)$/.exec(said)?.[1]);
    await expect(lockFolder(folder)).rejects.toMatchObject({
      code: "DATA_FOLDER_LOCKED",
      message: expect.stringContaining(`is in use by process ${pid} on `) as string,
    });
  });

  it("takes over immediately from a killed process of this machine", async () => {
    const folder = newFolder();
    await (await startHolder(folder)).kill();
    const release = await lockFolder(folder, { staleMs: 1e9 }); // waits for no heartbeat
    await release();
  });

  it("lets one of many processes take over from a killed one", async () => {
    const folder = newFolder();
    await (await startHolder(folder)).kill();
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
    const taken = tries.flatMap(one => (one.status === "fulfilled" ? [one.value] : []));
    expect(taken).toHaveLength(1);
    await taken[0]();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("takes over a lock without a holder once its heartbeat stands still", async () => {
    const folder = newFolder();
    mkdirSync(join(folder, "lock"));
    const release = await lockFolder(folder, { staleMs: 3_000 });
    await release();
  });

  it("notifies its holder when another process takes the lock", async () => {
    const folder = newFolder();
    const lost = new Promise<AppError>(resolveLost => {
      void lockFolder(folder, { staleMs: 3_000, onLost: resolveLost }).then(() => {
        rmdirSync(join(folder, "lock"));
        mkdirSync(join(folder, "lock"));
        utimesSync(join(folder, "lock"), 1, 1);
      });
    });
    expect(await lost).toMatchObject({ code: "DATA_FOLDER_LOST", details: { path: folder } });
  });
});

const describeNamespaces = whyNoNamespace === null ? describe : describe.skip;
describeNamespaces(
  `lockFolder() in two process namespaces${whyNoNamespace ? ` (${whyNoNamespace})` : ""}`,
  () => {
    it("admits one of two processes that both have the id 1", async () => {
      const folder = newFolder();
      const first = await startHolder(folder, inNamespace);
      const second = await startHolder(folder, inNamespace);
      expect(first.said).toBe("taken by 1");
      expect(second.said).toMatch(/^DATA_FOLDER_LOCKED .* is in use by process 1 on /);
    });

    it("takes over when the other one was killed and its heartbeat stands still", async () => {
      const folder = newFolder();
      const first = await startHolder(folder, inNamespace);
      expect(first.said).toBe("taken by 1");
      await first.kill();
      const second = await startHolder(folder, inNamespace);
      expect(second.said).toBe("taken by 1");
    });
  },
);
