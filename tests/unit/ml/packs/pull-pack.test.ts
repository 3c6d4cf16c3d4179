/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder } from "../../../../src/db/folder-lock.js";
import { AppError } from "../../../../src/errors/app-error.js";
import { DiffusionPipeline } from "../../../../src/ml/diffusion/pipeline.js";
import { Hub } from "../../../../src/ml/packs/hub.js";
import {
  type CatalogueFile,
  type CataloguePack,
  catalogueSchema,
  packCatalogue,
} from "../../../../src/ml/packs/pack-catalogue.js";
import { pullPack, type PullOptions } from "../../../../src/ml/packs/pull-pack.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { HubServer } from "../../../helpers/hub-server.js";

// tests/golden/tiny-sd15 as two repositories: the autoencoder's decoder comes from the second.
const UNET = "art/tiny/unet/model.onnx";
const UNET_BYTES = 385_417;
const CUT = 100_000;

const tiny = {
  version: "1",
  description: "a random Stable Diffusion 1.x",
  parts: [
    {
      folder: "",
      repository: "art/tiny",
      license: "MIT",
      files: [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.onnx",
        "tokenizer/merges.txt",
        "tokenizer/tokenizer_config.json",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/model.onnx",
        "vae_encoder/config.json",
        "vae_encoder/model.onnx",
      ],
    },
    {
      folder: "vae_decoder",
      repository: "art/decoder",
      from: "vae_decoder",
      license: "Apache-2.0",
      files: ["config.json", { path: "model.onnx" }],
    },
  ],
};

const packOf = (entry: unknown): CataloguePack =>
  packCatalogue([catalogueSchema.parse({ packs: { tiny: entry } })]).get("tiny")!;
const pack = packOf(tiny);

let cacheFolder: string;
let server: HubServer;

beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), "vitrine-models-"));
  server = await HubServer.start();
  server.addRepository("art/tiny", "tests/golden/tiny-sd15");
  server.addRepository("art/decoder", "tests/golden/tiny-sd15");
});

afterEach(async () => {
  await server.close();
  await rm(cacheFolder, { recursive: true });
});

function pull(
  entry = pack,
  { numRetries = 0, ...options }: Partial<PullOptions> & { numRetries?: number } = {},
) {
  return pullPack(entry, {
    cacheFolder,
    lock: lockFolder,
    connect: () => new Hub({ baseUrl: server.url, numRetries, retryDelayMs: 1 }),
    ...options,
  });
}

const partSize = async () =>
  (await stat(join(cacheFolder, "tiny.partial", "unet", "model.onnx.part"))).size;

describe("pullPack()", () => {
  it("combines files of several repositories into a working pack", async () => {
    const steps: number[] = [];
    const { folder, isNew, sizeBytes, unvouched } = await pull(pack, {
      onProgress: ({ doneBytes, totalBytes }) => steps.push(doneBytes / totalBytes),
    });
    expect({ folder, isNew, unvouched }).toEqual({
      folder: join(cacheFolder, "tiny"),
      isNew: true,
      unvouched: [],
    });
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.at(-1)).toBe(1);

    const opened = await openModelPack(folder);
    await opened.verify();
    expect(opened.name).toBe("tiny");
    expect(opened.version).toMatch(/^1-[0-9a-f]{12}$/);
    expect(opened.manifest!.license).toBe("MIT; Apache-2.0");
    expect(opened.manifest!.files).toHaveLength(13);
    expect(opened.manifest!.files.reduce((sum, file) => sum + file.sizeBytes, 0)).toBe(sizeBytes);
    expect(opened.manifest!.files).toContainEqual({
      path: "vae_decoder/model.onnx",
      sizeBytes: 88_248,
      sha256: createHash("sha256")
        .update(await readFile("tests/golden/tiny-sd15/vae_decoder/model.onnx"))
        .digest("hex"),
      source: expect.objectContaining({
        repository: "art/decoder",
        commit: server.commit,
        file: "vae_decoder/model.onnx",
        license: "Apache-2.0",
        vouchedBy: "hub",
      }) as object,
    });
    expect(await readdir(cacheFolder)).toEqual([".locks", "tiny"]);

    const request = { prompt: "a red cat", guidanceScale: 2, seed: 1, numImages: 1, numSteps: 2 };
    const draw = async (dir: string) => {
      const pipeline = await DiffusionPipeline.load(await openModelPack(dir), { numThreads: 1 });
      const images = await pipeline.generate(request);
      await pipeline.dispose();
      return images;
    };
    expect(await draw(folder)).toEqual(await draw("tests/golden/tiny-sd15"));
  });

  it("needs no network when the pack is present", async () => {
    await pull();
    const offline = () => {
      throw new AppError("OFFLINE", { what: "the model pack 'tiny'" });
    };
    expect(await pull(pack, { connect: offline })).toMatchObject({ isNew: false });
    await rm(join(cacheFolder, "tiny", "unet", "model.onnx"));
    await expect(pull(pack, { connect: offline })).rejects.toMatchObject({ code: "OFFLINE" });
  });

  it("fetches a repository at one commit, even when its branch moves", async () => {
    const first = server.commit;
    server.onRequest = () => {
      server.commit = "2".repeat(40);
    };
    const { folder } = await pull();
    const files = (await openModelPack(folder)).manifest!.files;
    const sources = files.map(file => file.source as { repository: string; commit: string });
    for (const { commit, repository } of sources) {
      expect(commit).toBe(repository === "art/tiny" ? first : server.commit);
    }
  });

  it("resumes after a broken connection, requesting only the rest", async () => {
    server.cuts.set(UNET, [CUT]);
    await expect(pull()).rejects.toMatchObject({
      code: "MODEL_DOWNLOAD_FAILED",
      details: { url: expect.stringContaining("/unet/model.onnx") as string },
    });
    const there = await partSize();
    expect(there).toBeGreaterThan(0);
    expect(there).toBeLessThanOrEqual(CUT);

    server.forget();
    await pull();
    expect(server.gets(UNET)).toMatchObject([{ status: 206, range: `bytes=${there}-` }]);
    expect(server.sentBytes(UNET)).toBe(UNET_BYTES - there);
    expect(server.sentBytes("art/tiny/text_encoder/model.onnx")).toBe(0); // it was finished
    await (await openModelPack(join(cacheFolder, "tiny"))).verify();
  });

  it("retries as long as it makes progress", async () => {
    server.cuts.set(UNET, [CUT, CUT, CUT]);
    await pull(pack, { numRetries: 2 });
    expect(server.gets(UNET).map(({ status }) => status)).toEqual([200, 206, 206, 206]);
    await (await openModelPack(join(cacheFolder, "tiny"))).verify();
  });

  it("stops at a signal and resumes later", async () => {
    const stopping = new AbortController();
    const stopped = pull(pack, {
      signal: stopping.signal,
      onProgress: ({ path }) => {
        if (path === "unet/model.onnx") {
          stopping.abort();
        }
      },
    });
    await expect(stopped).rejects.toThrow("aborted");
    server.forget();
    expect(await pull()).toMatchObject({ isNew: true });
    expect(server.sentBytes("art/tiny/text_encoder/model.onnx")).toBe(0);
  });

  it("restarts where the server does not support ranges", async () => {
    server.cuts.set(UNET, [CUT]);
    await expect(pull()).rejects.toMatchObject({ code: "MODEL_DOWNLOAD_FAILED" });
    server.ignoresRange = true;
    server.forget();
    await pull();
    expect(server.gets(UNET)).toMatchObject([{ status: 200, sentBytes: UNET_BYTES }]);
    await (await openModelPack(join(cacheFolder, "tiny"))).verify();
  });

  it("restarts when the hub's file changed", async () => {
    server.cuts.set(UNET, [CUT]);
    await expect(pull()).rejects.toMatchObject({ code: "MODEL_DOWNLOAD_FAILED" });
    server.files.set(UNET, Buffer.concat([server.files.get(UNET)!, Buffer.from("more")]));
    server.forget();
    await pull();
    expect(server.gets(UNET)).toMatchObject([{ status: 200, range: undefined }]);
    await (await openModelPack(join(cacheFolder, "tiny"))).verify();
  });

  it("accepts the whole file from a host whose copy changed", async () => {
    server.cuts.set(UNET, [CUT]);
    await expect(pull()).rejects.toMatchObject({ code: "MODEL_DOWNLOAD_FAILED" });
    server.cdnEdition = "b"; // the same bytes according to the hub, but If-Range no longer matches
    server.forget();
    await pull();
    expect(server.gets(UNET)).toMatchObject([
      { status: 200, range: expect.stringMatching(/^bytes=\d+-$/) as string },
    ]);
    await (await openModelPack(join(cacheFolder, "tiny"))).verify();
  });

  it.each([UNET, "art/tiny/unet/config.json"])("removes %s when it arrives damaged", async key => {
    server.damaging.add(key);
    const path = key.replace("art/tiny/", "");
    await expect(pull()).rejects.toMatchObject({
      code: "MODEL_FILE_DAMAGED",
      details: { pack: "tiny", path },
    });
    const left = await readdir(join(cacheFolder, "tiny.partial", "unet"));
    expect(left.filter(name => path.endsWith(name) || name.includes("part"))).toEqual([]);
    expect(existsSync(join(cacheFolder, "tiny"))).toBe(false);
    server.damaging.clear();
    expect(await pull()).toMatchObject({ isNew: true });
  });

  it("detects a part damaged on the disk", async () => {
    server.cuts.set(UNET, [CUT]);
    await expect(pull()).rejects.toMatchObject({ code: "MODEL_DOWNLOAD_FAILED" });
    await appendFile(join(cacheFolder, "tiny.partial", "unet", "model.onnx.part"), "x");
    await expect(pull()).rejects.toMatchObject({ code: "MODEL_FILE_DAMAGED" });
    expect(await pull()).toMatchObject({ isNew: true });
  });

  it.each([
    [404, /no such file at this revision/],
    [401, /VITRINE_HUB_TOKEN/],
    [503, /HTTP 503/],
  ])("explains HTTP %i", async (status, message) => {
    server.failing.set(UNET, status);
    const failed = pull(pack, { numRetries: 2 });
    await expect(failed).rejects.toMatchObject({ code: "MODEL_DOWNLOAD_FAILED" });
    await expect(failed).rejects.toThrow(message);
    const attempts = server.seen.filter(({ path }) => path === UNET).length;
    expect(attempts).toBe(status === 503 ? 3 : 1);
  });

  it("refuses a hub whose file differs from the catalogue's, before fetching it", async () => {
    const sha256 = "0".repeat(64);
    const files = [...tiny.parts[0].files.slice(0, -1), { path: "vae_encoder/model.onnx", sha256 }];
    const entry = packOf({ ...tiny, parts: [{ ...tiny.parts[0], files }, tiny.parts[1]] });
    await expect(pull(entry)).rejects.toMatchObject({
      code: "MODEL_FILE_DAMAGED",
      details: { path: "vae_encoder/model.onnx" },
    });
    expect(server.seen.filter(({ method }) => method === "GET")).toEqual([]);
  });

  it("fetches nothing of a pack that does not fit on the disk", async () => {
    server.claimedSizes.set(UNET, 1e16);
    await expect(pull()).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(server.seen.filter(({ method }) => method === "GET")).toEqual([]);
  });

  it("refuses a concurrent pull", async () => {
    let release: () => void = () => undefined;
    server.release = new Promise(resolve => {
      release = resolve;
    });
    const asked = new Promise<void>(resolve => {
      server.onRequest = () => {
        if (server.seen.some(({ method }) => method === "GET")) {
          resolve();
        }
      };
    });
    const first = pull();
    await asked; // the first pull has its lock, and the server holds its file back
    await expect(pull()).rejects.toMatchObject({
      code: "MODEL_PULL_RUNNING",
      details: { pack: "tiny", pid: process.pid },
    });
    release();
    expect(await first).toMatchObject({ isNew: true });
  });

  it("stops, and leaves the pack unchanged, when another process takes its folder", async () => {
    let lose: (error: AppError) => void = () => undefined;
    const lost = new AppError("DATA_FOLDER_LOST", { path: "x", reason: "y" });
    const pulling = pull(pack, {
      lock: (_folder, { onLost }) => {
        lose = onLost;
        return Promise.resolve(() => Promise.resolve());
      },
      onProgress: () => {
        lose(lost);
      },
    });
    await expect(pulling).rejects.toBe(lost);
    expect(await readdir(cacheFolder)).toEqual(["tiny.partial"]);
  });

  it("asks again on request, and fetches only what changed or is damaged", async () => {
    await pull();
    server.forget();
    expect(await pull(pack, { refresh: true })).toMatchObject({ isNew: false });
    expect(server.seen.every(({ method }) => method === "HEAD")).toBe(true);

    const encoder = join(cacheFolder, "tiny", "vae_encoder", "model.onnx");
    await writeFile(encoder, (await readFile(encoder)).reverse());
    server.files.set("art/tiny/tokenizer/merges.txt", Buffer.from("#version: 0.2\n"));
    server.commit = "2".repeat(40);
    server.forget();
    expect(await pull(pack, { refresh: true })).toMatchObject({ isNew: true });
    const fetched = server.seen.filter(({ sentBytes }) => sentBytes > 0).map(({ path }) => path);
    expect(fetched).toEqual(["art/tiny/tokenizer/merges.txt", "art/tiny/vae_encoder/model.onnx"]);
    await (await openModelPack(join(cacheFolder, "tiny"))).verify();
  });

  it("fetches a changed entry again, and drops its former files", async () => {
    await pull();
    const files = tiny.parts[0].files.slice(0, -2); // without the encoder
    const entry = packOf({
      ...tiny,
      version: "2",
      parts: [{ ...tiny.parts[0], files }, tiny.parts[1]],
    });
    server.forget();
    expect(await pull(entry)).toMatchObject({ isNew: true });
    expect(server.seen.every(({ method }) => method === "HEAD")).toBe(true);
    const opened = await openModelPack(join(cacheFolder, "tiny"));
    expect(opened.version).toMatch(/^2-/);
    expect(opened.has("vae_encoder")).toBe(false);
  });

  it("writes the index of a pack whose repositories have none", async () => {
    const files = tiny.parts[0].files.slice(1);
    const entry = packOf({ ...tiny, parts: [{ ...tiny.parts[0], files }, tiny.parts[1]] });
    const { folder } = await pull(entry);
    await (await openModelPack(folder)).verify();
    expect(await pull(entry, { refresh: true })).toMatchObject({ isNew: false });
  });

  it("records the checksums of a server that knows none, and reports it", async () => {
    server.isPlain = true;
    const { folder, unvouched } = await pull();
    expect(unvouched).toHaveLength(13);
    const opened = await openModelPack(folder);
    await opened.verify();
    await appendFile(join(folder, "unet", "config.json"), " ");
    await expect(openModelPack(folder)).rejects.toMatchObject({ code: "MODEL_FILE_DAMAGED" });
  });

  it("leaves a foreign folder alone", async () => {
    await mkdir(join(cacheFolder, "tiny"));
    await expect(pull()).rejects.toMatchObject({ code: "MODEL_PACK_INVALID" });
  });

  it("sends its token only to the hub", async () => {
    const connect = () => new Hub({ baseUrl: server.url, token: "secret" });
    await pull(pack, { connect });
    expect(new Set(server.seen.map(({ authorization }) => authorization))).toEqual(
      new Set(["Bearer secret"]),
    );
    // The same server under another name is another origin.
    const other = new Hub({
      baseUrl: server.url.replace("127.0.0.1", "localhost"),
      token: "secret",
    });
    server.forget();
    const { body } = await other.request(`${server.url}/art/tiny/resolve/main/model_index.json`, {
      method: "GET",
    });
    await body.dump();
    await other.close();
    expect(server.seen).toMatchObject([{ authorization: undefined }]);
  });
});

describe("packCatalogue()", () => {
  const own = (name: string, version: string): CatalogueFile =>
    catalogueSchema.parse({ packs: { [name]: { ...tiny, version } } });

  it("lets a later catalogue add packs and replace them", () => {
    const catalogue = packCatalogue([own("sd15", "1"), own("shop", "1"), own("sd15", "9")]);
    expect([...catalogue].map(([name, { version }]) => [name, version])).toEqual([
      ["sd15", "9"],
      ["shop", "1"],
    ]);
  });

  it("lists the source and target of every file", () => {
    expect(pack.files[0]).toEqual({
      path: "model_index.json",
      repository: "art/tiny",
      revision: "main",
      file: "model_index.json",
      license: "MIT",
      sizeBytes: null,
      sha256: null,
    });
    expect(pack.files.at(-1)).toMatchObject({
      path: "vae_decoder/model.onnx",
      file: "vae_decoder/model.onnx",
    });
    expect(pack.licenses).toEqual(["MIT", "Apache-2.0"]);
  });

  it.each([
    ["a name that leads out of the cache", { "../x": tiny }, /lower-case/],
    [
      "a file outside the pack",
      { x: { ...tiny, parts: [{ ...tiny.parts[1], files: ["../../x"] }] } },
      /inside the pack/,
    ],
    ["a file twice", { x: { ...tiny, parts: [tiny.parts[1], tiny.parts[1]] } }, /two parts give/],
    [
      "a checksum that is none",
      { x: { ...tiny, parts: [{ ...tiny.parts[1], files: [{ path: "a", sha256: "abc" }] }] } },
      /64 hexadecimal/,
    ],
    [
      "a part without licence",
      { x: { ...tiny, parts: [{ ...tiny.parts[1], license: "" }] } },
      /license/,
    ],
  ])("refuses %s", (_, packs, message) => {
    const parsed = catalogueSchema.safeParse({ packs });
    expect(parsed.success).toBe(false);
    expect(JSON.stringify(parsed.error?.issues)).toMatch(message);
  });
});
