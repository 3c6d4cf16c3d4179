import { randomUUID } from "node:crypto";
import type { ArtefactStore } from "../../../src/db/artefact-store.js";
import type { Database } from "../../../src/db/database.js";
import { personalizerVersions, rankingModelVersions } from "../../../src/db/versions.repository.js";
import { TrainedVersionService } from "../../../src/recsys/versions/trained-version.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

describeOnEveryDatabase("versions of the personalizer", open => {
  let db: Database;
  let versions: ReturnType<typeof personalizerVersions>;
  let rankingModelVersionId: string;

  beforeAll(async () => {
    db = await open();
    versions = personalizerVersions(db.prisma);
    const rankers = rankingModelVersions(db.prisma);
    const ranker = { id: randomUUID(), algorithm: "MICRO", config: {}, seed: 1 };
    rankingModelVersionId = (await rankers.begin(ranker)).id;
  });

  afterEach(() => db.prisma.personalizerVersion.deleteMany());

  const begin = () => {
    const version = { id: randomUUID(), config: {}, seed: 1, generator: "mini@1" };
    return versions.begin({ ...version, rankingModelVersionId });
  };
  const ready = async () => {
    const { id } = await begin();
    const outcome = { metrics: {}, dataHash: "a".repeat(64), artefactPath: `personalizers/${id}` };
    return (await versions.complete(id, outcome)).id;
  };
  const createRegistry = (unloaded: string[] = []) =>
    new TrainedVersionService({
      versions,
      store: {} as ArtefactStore, // nothing is trained
      trainer: { folder: "personalizers", prepare: () => Promise.reject(new Error("unused")) },
      decide: () => ({ isActivated: false }),
      codes: { notFound: "PERSONALIZER_NOT_FOUND", notReady: "PERSONALIZER_NOT_READY" },
      load: async (_artefactPath, { id }) => ({ id }),
      unload: ({ id }) => unloaded.push(id),
      maxAgeMs: 0,
    });

  it("finds nothing for an invalid or unknown id", async () => {
    const rankers = rankingModelVersions(db.prisma);
    for (const id of ["", "newest", randomUUID(), `${randomUUID()}0`]) {
      expect(await versions.findById(id)).toBeNull();
      expect(await rankers.findById(id)).toBeNull();
    }
    await expect(createRegistry().activate("newest")).rejects.toMatchObject({
      code: "PERSONALIZER_NOT_FOUND",
    });
    const id = await ready();
    expect(await versions.findById(id.toUpperCase())).toMatchObject({ id });
  });

  it("has one active version at a time, and rolls back to the previous one", async () => {
    const [first, second] = [await ready(), await ready()];
    const unloaded: string[] = [];
    const registry = createRegistry(unloaded);
    expect(await registry.active()).toBeNull();
    await registry.activate(first);
    await registry.activate(second);
    expect(await registry.active()).toEqual({ id: second });
    expect(await db.prisma.personalizerVersion.count({ where: { isActive: true } })).toBe(1);
    await registry.rollback();
    expect(await registry.active()).toEqual({ id: first });
    expect(unloaded).toEqual([first, second]);
    await expect(registry.rollback()).rejects.toMatchObject({ code: "NOTHING_TO_ROLL_BACK" });
  });

  it("refuses a version that is unknown or not ready", async () => {
    const { id } = await begin();
    const registry = createRegistry();
    await expect(registry.activate(id)).rejects.toMatchObject({ code: "PERSONALIZER_NOT_READY" });
    await expect(registry.activate(randomUUID())).rejects.toMatchObject({
      code: "PERSONALIZER_NOT_FOUND",
    });
  });

  it("records a failure, and can be trained again", async () => {
    const { config, id, seed } = await begin();
    await versions.fail(id, "no memory");
    expect(await versions.findById(id)).toMatchObject({ state: "FAILED", failure: "no memory" });
    const again = {
      id,
      config: config as object,
      seed,
      generator: "mini@1",
      rankingModelVersionId,
    };
    expect(await versions.begin(again)).toMatchObject({ state: "TRAINING", failure: null });
  });

  it("cannot activate a version that is not ready", async () => {
    const { id } = await begin();
    const data = { isActive: true };
    await expect(db.prisma.personalizerVersion.update({ where: { id }, data })).rejects.toThrow();
  });
});
