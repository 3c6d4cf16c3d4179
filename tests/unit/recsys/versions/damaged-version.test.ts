import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { decodeFiles } from "../../../../src/db/artefact-files.js";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import { encodeModel, weightsOf } from "../../../../src/ml/nn/model-files.js";
import {
  type Damage,
  TrainedVersionService,
  type VersionRow,
} from "../../../../src/recsys/versions/trained-version.service.js";
import { InMemoryVersions } from "./in-memory-versions.js";

interface Row extends VersionRow {
  isActive: boolean;
  activatedAt: Date | null;
}

/** A model of one weight, the version's seed. */
const filesOf = (weight: number) =>
  encodeModel(
    { tensors: { w: { shape: [1], values: Float32Array.of(weight) } }, metadata: {} },
    { algorithm: "one" },
  );

describe("an active version whose files are damaged", () => {
  let folder: string;
  let nowMs: number;
  let damages: Damage[];
  let numLoads: number;
  let store: FolderArtefactStore;
  let versions: InMemoryVersions<Row, object>;
  let service: ReturnType<typeof createReader>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitrine-damage-"));
    nowMs = 0;
    damages = [];
    numLoads = 0;
    store = new FolderArtefactStore(folder);
    versions = new InMemoryVersions();
    service = createReader();
  });

  /** A process of its own, with nothing in memory. */
  function createReader(load?: () => Promise<number>) {
    return new TrainedVersionService<Row, number, object, { isActivated: boolean }>({
      versions,
      store,
      trainer: {
        folder: "models",
        prepare: async ({ seed, config }) => ({
          columns: { config },
          fit: async () => ({ metrics: {}, dataHash: "", files: filesOf(seed) }),
        }),
      },
      decide: () => ({ isActivated: true }),
      codes: { notFound: "MODEL_VERSION_NOT_FOUND", notReady: "RANKER_NOT_READY" },
      load: path =>
        load?.() ??
        decodeFiles(store, path, files => {
          numLoads++;
          return weightsOf(files).tensors.w.values[0];
        }),
      onDamaged: damage => damages.push(damage),
      maxAgeMs: 0,
      nowMs: () => nowMs,
    });
  }

  const train = (versionId: string, seed: number) =>
    service.train({ versionId, seed, config: {}, activate: null });
  const weightsFile = (versionId: string) =>
    join(folder, "models", versionId, "weights.safetensors");
  /** Changes the last byte, so that the file is still well-formed. */
  async function flip(versionId: string): Promise<void> {
    const bytes = await readFile(weightsFile(versionId));
    bytes[bytes.length - 1] ^= 1;
    await writeFile(weightsFile(versionId), bytes);
  }

  it.each([
    ["has other bytes", flip],
    ["is gone", (id: string) => rm(weightsFile(id))],
    [
      "is cut",
      async (id: string) =>
        writeFile(weightsFile(id), (await readFile(weightsFile(id))).subarray(0, 20)),
    ],
  ])("is replaced by the one before it when a file %s", async (_name, damage) => {
    await train("a", 1);
    await train("b", 2);
    await damage("b");
    const other = createReader();
    expect(await other.active()).toBe(1);
    expect(await other.activeVersionId()).toBe("a");
    expect(other.damage).toMatchObject({ versionId: "b", replacementId: "a" });
    expect(damages.length).toBe(1);
    const before = numLoads;
    expect(await other.active()).toBe(1);
    expect(numLoads).toBe(before); // neither is read again
    expect(damages.length).toBe(1);
  });

  it("serves nothing when there is none before it, or when that one is damaged too", async () => {
    await train("a", 1);
    await flip("a");
    expect(await createReader().active()).toBeNull();
    await train("b", 2).catch(() => undefined);
    await flip("b");
    expect(await createReader().active()).toBeNull();
  });

  it("serves again once it is mended", async () => {
    await train("a", 1);
    await train("b", 2);
    const whole = await readFile(weightsFile("b"));
    await flip("b");
    const other = createReader();
    expect(await other.active()).toBe(1);
    await writeFile(weightsFile("b"), whole);
    expect(await other.active()).toBe(1);
    nowMs += 60_000;
    expect(await other.active()).toBe(2);
    expect(other.damage).toBeNull();
  });

  it("tells a run that needs it, and replaces it for the next", async () => {
    await train("a", 1);
    await train("b", 2);
    await flip("b");
    const other = createReader();
    const run = (id: string) => other.use(id, async weight => weight);
    await expect(run("b")).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    expect(await other.activeVersionId()).toBe("a");
    expect(await run("a")).toBe(1);
  });

  it("is not activated", async () => {
    await train("a", 1);
    await train("b", 2);
    await flip("a");
    await expect(service.rollback()).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    expect(await service.activeVersionId()).toBe("b");
  });

  it("fails for a fault that is not of its files", async () => {
    await train("a", 1);
    const other = createReader(() => Promise.reject(new Error("the disk is away")));
    await expect(other.active()).rejects.toThrow("the disk is away");
    expect(other.damage).toBeNull();
  });

  it("is found damaged by weights that are no numbers, also without checksums", async () => {
    await train("a", 1);
    await train("b", 2);
    await writeFile(weightsFile("b"), filesOf(NaN)["weights.safetensors"]);
    await rm(join(folder, "models", "b", "checksums.json"));
    expect(await createReader().active()).toBe(1);
    expect(damages[0].error.message).toContain("'w'");
  });
});
