import { cp, mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { listPacks } from "../../../../src/ml/packs/known-packs.js";
import { catalogueSchema, packCatalogue } from "../../../../src/ml/packs/pack-catalogue.js";

const bundledFolder = resolve("models/mini");
const catalogue = packCatalogue([
  catalogueSchema.parse({
    packs: {
      far: {
        version: "1",
        description: "",
        parts: [
          {
            folder: "unet",
            repository: "a/b",
            license: "MIT",
            files: [
              { path: "model.onnx", sizeBytes: 5 },
              { path: "config.json", sizeBytes: 2 },
            ],
          },
          { folder: "", repository: "a/c", license: "BSD", files: [{ path: "x", sizeBytes: 1 }] },
        ],
      },
      unsized: {
        version: "2",
        description: "",
        parts: [{ folder: "clip", repository: "a/b", license: "MIT", files: ["config.json"] }],
      },
    },
  }),
]);

let cacheFolder: string;

beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), "vitrine-models-"));
});

afterEach(() => rm(cacheFolder, { recursive: true }));

const list = (usedFolder = bundledFolder, cache = cacheFolder) =>
  listPacks({ bundledFolders: [bundledFolder], cacheFolder: cache, usedFolder, catalogue });

describe("listPacks()", () => {
  it("lists the bundled pack, and those that can be fetched", async () => {
    const [mini, far, unsized] = await list(bundledFolder, join(cacheFolder, "none"));
    expect(mini).toMatchObject({
      name: "mini",
      where: "bundled",
      folder: bundledFolder,
      isInUse: true,
      fault: null,
    });
    expect(mini.sizeBytes).toBeGreaterThan(1e6);
    expect(mini.licenses).toHaveLength(1);
    expect(mini.parts).toContain("image_projection");
    expect(far).toEqual({
      name: "far",
      version: "1",
      where: "absent",
      folder: null,
      sizeBytes: 8,
      licenses: ["MIT", "BSD"],
      parts: ["unet"],
      isInUse: false,
      isOutdated: false,
      fault: null,
    });
    expect(unsized).toMatchObject({ sizeBytes: null, parts: ["clip"] });
  });

  it("lists the packs in the cache with their faults", async () => {
    await cp("tests/golden/tiny-sd15", join(cacheFolder, "own"), { recursive: true });
    await cp("tests/golden/tiny-sd15", join(cacheFolder, "own.partial"), { recursive: true });
    await cp("tests/golden/tiny-sd15", join(cacheFolder, "far"), { recursive: true });
    await truncate(join(cacheFolder, "far", "model_index.json"), 3);
    await mkdir(join(cacheFolder, "no-pack"));
    const packs = await list(join(cacheFolder, "own"));
    expect(packs.map(({ name, where }) => [name, where])).toEqual([
      ["mini", "bundled"],
      ["far", "cached"],
      ["unsized", "absent"],
      ["own", "cached"],
    ]);
    expect(packs[1]).toMatchObject({ version: null, isOutdated: true });
    expect(packs[1].fault).toMatch(/^MODEL_PACK_INVALID: /);
    expect(packs[3]).toMatchObject({ isInUse: true, isOutdated: false, licenses: [] });
    expect(packs[3].sizeBytes).toBeGreaterThan(600_000);
  });

  it("lists the active pack where it is elsewhere, and omits an unknown name", async () => {
    const elsewhere = resolve("tests/golden/tiny-sd15");
    expect((await list(elsewhere)).at(-1)).toMatchObject({
      name: "tiny-sd15",
      where: "folder",
      isInUse: true,
    });
    expect(await list(join(cacheFolder, "unknown"))).toHaveLength(3);
  });

  it("reports a damaged manifest", async () => {
    const folder = join(cacheFolder, "own");
    await cp("tests/golden/tiny-sd15", folder, { recursive: true });
    await writeFile(join(folder, "manifest.json"), "{");
    expect((await list()).at(-1)).toMatchObject({ name: "own", version: null });
  });
});
