import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type KnownPack } from "../../../src/ml/packs/known-packs.js";
import { runCli, runCliJson, runCliUntilKilled } from "../../helpers/cli.js";
import { HubServer } from "../../helpers/hub-server.js";

const UNET = "art/tiny/unet/model.onnx";

let home: string;
let hub: HubServer;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "vitrine-home-"));
  hub = await HubServer.start();
  hub.addRepository("art/tiny", "tests/golden/tiny-sd15");
  const paths = [...hub.files.keys()].map(key => key.replace("art/tiny/", ""));
  const files = [...new Set(["unet/model.onnx", ...paths])];
  const packs = {
    tiny: {
      version: "1",
      description: "",
      parts: [{ folder: "", repository: "art/tiny", license: "MIT", files }],
    },
  };
  await writeFile(join(home, "packs.json"), JSON.stringify({ packs }));
  env = { VITRINE_HOME: home, VITRINE_HUB_URL: hub.url, VITRINE_PACKS: join(home, "packs.json") };
});

afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true });
});

describe("vitrine models", () => {
  it("fetches a pack, uses it by name, verifies and repairs it", async () => {
    const offline = await runCli(["models", "pull", "tiny"], { ...env, VITRINE_OFFLINE: "1" });
    expect(offline).toMatchObject({ code: 1, stdout: "" });
    expect(offline.stderr).toContain("OFFLINE: the model pack 'tiny' is not fetched");

    const folder = join(home, "models", "tiny");
    const pulled = await runCli(["models", "pull", "tiny"], env);
    expect(pulled.code).toBe(0);
    expect(pulled.stdout).toMatch(/^tiny@1-[0-9a-f]{12}: 6\d\d\.\d kB in .*VITRINE_MODELS=tiny\n$/);
    expect(pulled.stderr).toMatch(/tiny 100% \S+ kB of \S+ kB/);

    const used = { ...env, VITRINE_MODELS: "tiny", VITRINE_OFFLINE: "1" };
    const packs = await runCliJson<KnownPack[]>(["models", "list"], used);
    expect(packs.map(({ name, where, isInUse }) => [name, where, isInUse])).toEqual([
      ["mini", "bundled", false],
      ["studio", "bundled", false],
      ["sd15", "absent", false],
      ["lcm-sd15", "absent", false],
      ["tiny", "cached", true],
    ]);
    for (const part of ["unet", "vae_decoder"]) {
      await writeFile(join(folder, part, "config.json"), "{}");
    }
    const damaged = await runCli(["models", "verify"], used);
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(
      /MODEL_FILE_DAMAGED: The model pack 'tiny' .*: unet\/config.json, vae_decoder\/config.json/,
    );
    expect((await runCli(["models", "pull", "tiny", "--refresh"], env)).code).toBe(0);
    expect(await runCliJson(["models", "verify"], used)).toMatchObject({ folder, numFiles: 13 });
  });

  it("resumes a killed pull", async () => {
    hub.stalls.set(UNET, 100_000); // the first file that is fetched
    await runCliUntilKilled(["models", "pull", "tiny"], env, { line: /tiny 0%/, afterMs: 3_000 });
    hub.stalls.clear();
    hub.forget();
    expect((await runCli(["models", "pull", "tiny"], env)).code).toBe(0);
    expect(hub.gets(UNET)).toMatchObject([
      { status: 206, range: expect.stringMatching(/^bytes=\d+-$/) as string },
    ]);
    expect(hub.sentBytes(UNET)).toBeLessThan(385_417);
  });

  it("lists the packs, and reports a faulty catalogue", async () => {
    const unknown = await runCli(["models", "pull", "huge"], env);
    expect(unknown.stderr).toContain(
      "MODEL_PACK_UNKNOWN: No model pack is called 'huge'; those that can be fetched are sd15, lcm-sd15, tiny",
    );
    await writeFile(join(home, "packs.json"), `{ "packs": { "mini": {} } }`);
    const faulty = await runCli(["models", "list"], env);
    expect(faulty.stderr).toMatch(/^FILE_MALFORMED: .*packs\.json' is not a catalogue/);
  });

  it("verifies a folder, also without checksums", async () => {
    const folder = join(home, "mine");
    await cp(resolve("tests/golden/tiny-sd15"), folder, { recursive: true });
    const { code, stdout } = await runCli(["models", "verify", folder], env);
    expect(code).toBe(0);
    expect(stdout).toContain("there are no checksums to compare");
  });
});
