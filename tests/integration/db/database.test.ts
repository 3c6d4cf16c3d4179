import { describeOnEveryDatabase } from "../../helpers/databases.js";

describeOnEveryDatabase("openDatabase()", open => {
  it("answers as before after statements that failed", async () => {
    const { pool, prisma } = await open();
    for (let round = 0; round < 3; round++) {
      await expect(pool.query("SELECT nonsense")).rejects.toThrow("nonsense");
      await expect(
        prisma.interaction.create({
          data: { userId: "x", itemId: "y", kind: "LIKE", occurredAt: new Date() },
        }),
      ).rejects.toThrow();
    }
    const answers = await Promise.all([
      pool.query("SELECT 1 AS n"),
      prisma.user.count(),
      pool.query("SELECT $1::int AS n", [2]),
      prisma.item.count(),
    ]);
    expect(answers.map(answer => (typeof answer === "number" ? answer : answer.rows))).toEqual([
      [{ n: 1 }],
      0,
      [{ n: 2 }],
      0,
    ]);
  });

  it("rolls a failed transaction back whole", async () => {
    const { prisma } = await open();
    await expect(
      prisma.$transaction(async tx => {
        await tx.user.create({ data: { id: "half" } });
        throw new Error("stop");
      }),
    ).rejects.toThrow("stop");
    expect(await prisma.user.findUnique({ where: { id: "half" } })).toBeNull();
  });

  it("refuses states that must not exist", async () => {
    const { pool, prisma } = await open();
    await prisma.item.create({ data: { id: "i1", title: "cat" } });
    const impossible = [
      `INSERT INTO blobs (hash, media_type, size_bytes, width_pixels, height_pixels) VALUES ('xyz', 'image/png', 1, 1, 1)`,
      `INSERT INTO captions (item_id, text, source) VALUES ('i1', 'a cat', 'MODEL')`,
      `INSERT INTO embeddings (item_id, kind, encoder, dimension, vector, source_hash) VALUES ('i1', 'IMAGE', 'e', 2, '\\x00', 'h')`,
      `INSERT INTO jobs (id, kind, payload, state) VALUES (gen_random_uuid(), 'INDEX', '{}', 'SUCCEEDED')`,
      `INSERT INTO ranking_model_versions (id, algorithm, config, seed, is_active) VALUES (gen_random_uuid(), 'MICRO', '{}', 1, true)`,
    ];
    for (const sql of impossible) {
      await expect(pool.query(sql)).rejects.toThrow("check");
    }
  });
});
