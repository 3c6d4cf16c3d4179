import { createShop } from "./shop.js";

describe("rankerVersions", () => {
  let shop: Awaited<ReturnType<typeof createShop>>;

  beforeEach(async () => {
    shop = await createShop();
    await shop.train("v1", { algorithm: "popularity" });
    await shop.train("v2", { algorithm: "popularity" });
  });

  afterEach(() => shop.remove());

  it("has no version before any training", async () => {
    const empty = await createShop();
    expect(await empty.rankers.active()).toBeNull();
    expect(await empty.rankers.activeVersionId()).toBeNull();
    await expect(empty.rankers.rollback()).rejects.toMatchObject({ code: "NOTHING_TO_ROLL_BACK" });
    await empty.remove();
  });

  it("loads a version once under concurrency", async () => {
    const [first, second] = await Promise.all([shop.rankers.active(), shop.rankers.active()]);
    expect(first).toBe(second);
    expect(first).toMatchObject({ versionId: "v2" });
  });

  it("serves another version immediately after its activation here", async () => {
    await shop.rankers.active();
    await shop.rankers.activate("v1");
    expect(await shop.rankers.active()).toMatchObject({ versionId: "v1" });
  });

  it("serves a version that another process activated, after a second", async () => {
    await shop.rankers.active();
    await shop.versions.activate("v1");
    expect(await shop.rankers.activeVersionId()).toBe("v2");
    shop.wait(1_000);
    expect(await shop.rankers.active()).toMatchObject({ versionId: "v1" });
  });

  it("rolls back to the previously active version, and no further", async () => {
    expect(await shop.rankers.rollback()).toMatchObject({ id: "v1", isActive: true });
    expect(await shop.rankers.active()).toMatchObject({ versionId: "v1" });
    await expect(shop.rankers.rollback()).rejects.toMatchObject({ code: "NOTHING_TO_ROLL_BACK" });
  });

  it("refuses a version that is unknown or not ready", async () => {
    await expect(shop.rankers.activate("v9")).rejects.toMatchObject({
      code: "MODEL_VERSION_NOT_FOUND",
    });
    await shop.versions.begin({ id: "v3", algorithm: "MICRO", config: {}, seed: 1 });
    await expect(shop.rankers.activate("v3")).rejects.toThrow(
      "is TRAINING and cannot be activated",
    );
  });

  it("serves the version before one whose files are gone, until they are back", async () => {
    const { artefactPath } = shop.versions.rows.get("v2")!;
    shop.versions.rows.get("v2")!.artefactPath = "elsewhere";
    shop.wait(1_000);
    await shop.versions.activate("v1");
    await shop.rankers.active();
    await shop.versions.activate("v2");
    shop.wait(1_000);
    expect(await shop.rankers.active()).toMatchObject({ versionId: "v1" });
    shop.versions.rows.get("v2")!.artefactPath = artefactPath;
    shop.wait(60_000);
    expect(await shop.rankers.active()).toMatchObject({ versionId: "v2" });
  });
});
