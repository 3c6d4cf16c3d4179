/** @file A command whose database is held by a running server prints a request that does the same, and it works. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { runCli, runCliJson, type RunningServer, startServe } from "../helpers/cli.js";

const run = promisify(execFile);

describe("a command beside a server", () => {
  const home = mkdtempSync(join(tmpdir(), "vitrine-locked-"));
  const env = { VITRINE_HOME: home, VITRINE_ONNX_THREADS: "1" };
  let server: RunningServer | null = null;
  afterAll(async () => {
    await server?.kill();
    rmSync(home, { recursive: true });
  });

  it("names the server, whose suggested request works", async () => {
    const { key } = await runCliJson<{ key: string }>(
      ["keys", "create", "admin", "--role", "admin"],
      env,
    );
    server = await startServe(env);
    const { code, stderr } = await runCli(["index"], env);
    expect(code).toBe(1);
    expect(stderr).toContain(`, which serves ${server.url}/graphql`);
    const [request] = /curl .*/.exec(stderr)!;
    const { stdout } = await run("sh", ["-c", request], { env: { ...process.env, KEY: key } });
    expect(JSON.parse(stdout)).toMatchObject({
      data: { startIndexing: { id: expect.any(String) as string } },
    });
  });
});
