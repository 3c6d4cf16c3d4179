import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { ModelPack, openModelPack } from "../../../../src/ml/runtime/model-pack.js";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "vitrine-pack-"));
});

afterEach(() => rm(dir, { recursive: true }));

async function writePack(manifest: object): Promise<void> {
  await writeFile(join(dir, "model_index.json"), `{"_class_name": "StableDiffusionPipeline"}`);
  await writeFile(join(dir, "weights.bin"), "weights");
  await writeFile(join(dir, "manifest.json"), JSON.stringify(manifest));
}

const manifest = {
  name: "mini",
  version: "3",
  license: "MIT",
  files: [{ path: "weights.bin", sizeBytes: 7, sha256: sha256("weights") }],
};

describe("openModelPack()", () => {
  it("takes name and version from the manifest, and the version also from its bytes", async () => {
    await writePack(manifest);
    const pack = await openModelPack(dir);
    expect(pack.name).toBe("mini");
    expect(pack.version).toBe(`3-${sha256(JSON.stringify(manifest)).slice(0, 12)}`);
    expect(pack.path("weights.bin")).toBe(join(dir, "weights.bin"));
    expect(pack.has("captioner")).toBe(false);
    await pack.verify();
  });

  it("reads Python's non-JSON numbers", async () => {
    await writePack(manifest);
    const text = String.raw`{"lambda_min_clipped": -Infinity, "name": "-Infinity \" NaN", "list": [NaN, Infinity]}`;
    await writeFile(join(dir, "config.json"), text);
    const pack = await openModelPack(dir);
    expect(await pack.readJson("config.json", z.unknown())).toEqual({
      lambda_min_clipped: "-inf",
      name: '-Infinity " NaN',
      list: ["nan", "inf"],
    });
  });

  it("gives parts a version that only their own files change", async () => {
    const file = (path: string, text: string) => ({ path, sizeBytes: 1, sha256: sha256(text) });
    const packOf = async (...files: ReturnType<typeof file>[]) => {
      for (const { path } of files) {
        await mkdir(dirname(join(dir, path)), { recursive: true });
        await writeFile(join(dir, path), "x");
      }
      await writePack({ ...manifest, files });
      return openModelPack(dir);
    };
    const [clip, unet] = [file("clip/a.onnx", "a"), file("unet/b.onnx", "b")];
    const before = await packOf(clip, unet, file("README.md", "one"));
    const carded = await packOf(clip, unet, file("README.md", "two"));
    const redrawn = await packOf(clip, file("unet/b.onnx", "c"), file("README.md", "two"));
    expect(before.versionOf()).toMatch(/^3-[0-9a-f]{12}$/);
    expect(carded.versionOf()).toBe(before.versionOf());
    expect(redrawn.versionOf()).not.toBe(before.versionOf());
    expect(redrawn.versionOf("clip")).toBe(before.versionOf("clip"));
    expect(redrawn.versionOf("unet")).not.toBe(before.versionOf("unet"));
  });

  it("includes the index in the version of the whole only", () => {
    const file = (path: string, text: string) => ({ path, sizeBytes: 1, sha256: sha256(text) });
    const packOf = (index: string) => {
      const files = [file("unet/b.onnx", "b"), file("model_index.json", index)];
      return new ModelPack(dir, "mini", "3", { ...manifest, files });
    };
    const [before, after] = [packOf("12 steps"), packOf("2 steps")];
    expect(after.versionOf()).not.toBe(before.versionOf());
    expect(after.versionOf("unet")).toBe(before.versionOf("unet"));
  });

  it("opens a plain Stable Diffusion folder, with a version from its configuration", async () => {
    await cp("tests/golden/tiny-sd15", dir, { recursive: true });
    const before = await openModelPack(dir);
    expect(before.version).toMatch(/^[0-9a-f]{12}$/);
    expect((await openModelPack(dir)).version).toBe(before.version);
    expect(before.has("unet")).toBe(true);
    expect(before.has("image_projection")).toBe(false);
    await before.verify();
    await writeFile(join(dir, "scheduler", "scheduler_config.json"), "{}");
    expect((await openModelPack(dir)).version).not.toBe(before.version);
  });

  it("reports a missing folder", async () => {
    await expect(openModelPack(join(dir, "none"))).rejects.toMatchObject({
      code: "MODEL_PACK_ABSENT",
    });
  });

  it("reports a missing index", async () => {
    await expect(openModelPack(dir)).rejects.toMatchObject({
      code: "MODEL_FILE_MISSING",
      details: { path: "model_index.json" },
    });
  });

  it("reports a listed file that is missing", async () => {
    await writePack(manifest);
    await rm(join(dir, "weights.bin"));
    await expect(openModelPack(dir)).rejects.toMatchObject({
      code: "MODEL_FILE_MISSING",
      details: { pack: "mini", path: "weights.bin" },
    });
  });

  it("detects a truncated file without reading it", async () => {
    await writePack(manifest);
    await writeFile(join(dir, "weights.bin"), "wei");
    await expect(openModelPack(dir)).rejects.toMatchObject({
      code: "MODEL_FILE_DAMAGED",
      details: { path: "weights.bin" },
    });
  });

  it.each([
    ["not JSON", "{", /is not a model pack/],
    ["no files", JSON.stringify({ ...manifest, files: [] }), /files/],
    [
      "a file outside the pack",
      JSON.stringify({ ...manifest, files: [{ ...manifest.files[0], path: "../../etc/passwd" }] }),
      /must be a relative path inside the pack/,
    ],
    ["no version", JSON.stringify({ ...manifest, version: undefined }), /version/],
  ])("refuses a manifest with %s", async (_, text, message) => {
    await writePack(manifest);
    await writeFile(join(dir, "manifest.json"), text);
    const opened = openModelPack(dir);
    await expect(opened).rejects.toMatchObject({ code: "MODEL_PACK_INVALID" });
    await expect(opened).rejects.toThrow(message);
  });
});

describe("ModelPack.verify()", () => {
  it("detects a changed byte", async () => {
    await writePack(manifest);
    const pack = await openModelPack(dir);
    await writeFile(join(dir, "weights.bin"), "Weights");
    await expect(pack.verify()).rejects.toMatchObject({
      code: "MODEL_FILE_DAMAGED",
      details: { pack: "mini", path: "weights.bin" },
    });
  });

  it("names every changed file, and no other", async () => {
    const [weights] = manifest.files;
    const files = ["a.bin", "b.bin", "c.bin"].map(path => ({ ...weights, path }));
    await writePack({ ...manifest, files });
    for (const { path } of files) {
      await writeFile(join(dir, path), path === "b.bin" ? "weights" : "Weights");
    }
    const pack = await openModelPack(dir);
    await expect(pack.verify()).rejects.toMatchObject({ details: { path: "a.bin, c.bin" } });
  });

  it("looks at the files of the parts that are loaded only", async () => {
    const file = (path: string) => ({ path, sizeBytes: 7, sha256: sha256("weights") });
    const files = ["unet/model.onnx", "unet2/model.onnx", "clip/model.onnx"].map(file);
    await writePack({ ...manifest, files });
    for (const { path } of files) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), path.startsWith("clip") ? "weights" : "WEIGHTS");
    }
    const pack = await openModelPack(dir);
    await pack.verifyParts("clip", "llm");
    await expect(pack.verifyParts("clip", "unet")).rejects.toMatchObject({
      code: "MODEL_FILE_DAMAGED",
      details: { pack: "mini", path: "unet/model.onnx" },
    });
  });
});
