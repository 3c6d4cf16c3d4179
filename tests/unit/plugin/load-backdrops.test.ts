import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { loadConfig } from "../../../src/config/config.js";
import { loadBackdrops } from "../../../src/plugin/load-backdrops.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitrine-backdrops-"));
});
afterEach(() => rm(folder, { recursive: true }));

const plain = (background: string, width = 640, height = 320) =>
  sharp({ create: { width, height, channels: 3, background } });

/** The faults of the configuration that the folder gives. */
async function faultsOf(path: string): Promise<string> {
  const error: unknown = await loadBackdrops(path).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "CONFIG_INVALID" });
  return (error as { details: { faults: string } }).details.faults;
}

describe("loadBackdrops()", () => {
  it("reads the images of a folder by their names, at 256 pixels", async () => {
    await plain("#0a0").jpeg().toFile(join(folder, "b.JPG"));
    await plain("#a00", 100, 200).png().toFile(join(folder, "a.png"));
    await writeFile(join(folder, "notes.txt"), "not an image");
    const [first, second, ...others] = await loadBackdrops(folder);
    expect(others).toEqual([]);
    expect([first.widthPixels, first.heightPixels]).toEqual([128, 256]);
    expect([...first.pixels.subarray(0, 3)]).toEqual([0xaa, 0, 0]);
    expect([second.widthPixels, second.heightPixels]).toEqual([256, 128]);
  });

  it("has none without a folder", async () => {
    expect(await loadBackdrops(null)).toEqual([]);
  });

  it("refuses a folder that is not there, or has no image", async () => {
    expect(await faultsOf(join(folder, "absent"))).toMatch(
      /VITRINE_BACKDROPS: the folder '.*absent' cannot be read/,
    );
    expect(await faultsOf(folder)).toMatch(/^VITRINE_BACKDROPS: '.*' has no image/);
  });

  it("names every image that cannot be decoded", async () => {
    await plain("#0a0").jpeg().toFile(join(folder, "good.jpg"));
    await writeFile(join(folder, "bad.jpg"), "no JPEG");
    await writeFile(join(folder, "worse.png"), "no PNG");
    const faults = (await faultsOf(folder)).split("\n");
    expect(faults).toHaveLength(2);
    expect(faults[0]).toMatch(/^VITRINE_BACKDROPS: '.*bad\.jpg': /);
    expect(faults[1]).toMatch(/^VITRINE_BACKDROPS: '.*worse\.png': /);
  });

  it("refuses more than 64 images", async () => {
    const jpeg = await plain("#0a0", 8, 8).jpeg().toBuffer();
    await Promise.all(
      Array.from({ length: 65 }, (_, n) => writeFile(join(folder, `${n}.jpg`), jpeg)),
    );
    expect(await faultsOf(folder)).toMatch(/has 65 images; at most 64 are allowed/);
  });
});

it("VITRINE_BACKDROPS is a folder, by default none", () => {
  expect(loadConfig({}).backdropsFolder).toBeNull();
  expect(loadConfig({ VITRINE_BACKDROPS: folder }).backdropsFolder).toBe(folder);
});
