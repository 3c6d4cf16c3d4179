import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bytesOf, fitting } from "../src/request-size";

describe("an item in a request", () => {
  const image = (numBytes: number) => `data:image/webp;base64,${"A".repeat(numBytes)}`;
  const variants = ["a", "b", "c"].map(id => ({ id, title: id, imageUrl: image(1_000) }));
  const item = { id: "1", title: "商品", imageUrl: image(1_000), variants };

  it("is sent whole if it fits", () => {
    assert.deepEqual(fitting(item, bytesOf(item)), { item, leftOut: [] });
  });

  it("loses the images of its last variants, and no variant", () => {
    const found = fitting(item, bytesOf(item) - 1_500);
    assert.deepEqual(found.leftOut, ["b", "c"]);
    assert.ok(bytesOf(found.item) <= bytesOf(item) - 1_500);
    assert.equal(found.item.imageUrl, item.imageUrl);
    assert.deepEqual(found.item.variants?.[0], variants[0]);
    assert.deepEqual(found.item.variants?.[2], { id: "c", title: "c" });
  });

  it("loses its own image last", () => {
    const found = fitting(item, 500);
    assert.deepEqual(found.leftOut, ["1", "a", "b", "c"]);
    assert.ok(bytesOf(found.item) <= 500);
    assert.equal(found.item.variants?.length, 3);
  });

  it("is counted in bytes", () => {
    assert.equal(bytesOf({ id: "1", title: "商品" }), 27);
  });
});
