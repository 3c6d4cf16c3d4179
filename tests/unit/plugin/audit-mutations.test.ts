import { recorded } from "../../../src/plugin/audit-mutations.js";

describe("recorded arguments", () => {
  it("leave out what a URL may hide", () => {
    const url = "https://shop:secret@cdn.example/a.png?signature=secret#secret";
    expect(recorded({ input: [{ id: "1", imageUrl: url }] })).toEqual({
      input: [{ id: "1", imageUrl: "https://cdn.example/a.png" }],
    });
  });

  it("hash the ids of users at every depth", () => {
    const text = JSON.stringify(
      recorded({ userId: "anna", pairs: [{ userId: "anna", itemId: "cat" }] }),
    );
    expect(text).not.toContain("anna");
    expect(text.match(/sha256:[0-9a-f]{64}/g)).toHaveLength(2);
    expect(text).toContain("cat");
  });

  it("cut long texts and lists", () => {
    const { ids, text } = recorded({
      ids: Array.from({ length: 1_000 }, (_, n) => n),
      text: "x".repeat(1_000),
    });
    expect(ids).toMatchObject({ count: 1_000, first: { length: 10 } });
    expect(text).toHaveLength(201);
  });

  it("keep times, numbers and nulls", () => {
    const since = new Date(0);
    expect(recorded({ since, n: 1.5, activate: false, config: null, seed: undefined })).toEqual({
      since: "1970-01-01T00:00:00.000Z",
      n: 1.5,
      activate: false,
      config: null,
    });
  });

  it("replaces what Postgres cannot store, also the half of a character that a long text is cut in", () => {
    expect(recorded({ text: "a\0b\ud800", "name\0": 1 })).toEqual({
      text: "a\ufffdb\ufffd",
      "name\ufffd": 1,
    });
    expect(recorded({ text: `${"x".repeat(199)}😀😀` })).toEqual({
      text: `${"x".repeat(199)}\ufffd…`,
    });
  });
});
