import { PointItems } from "../../../../src/recsys/retrieval/point-items.js";

describe("PointItems", () => {
  it("counts the points that have items, also those it is made from", () => {
    const points = new PointItems([
      [["a", "hash a"]],
      [],
      [
        ["b", "hash b"],
        ["c", "hash b"],
      ],
    ]);
    expect([points.numLabels, points.numPoints, points.numItems]).toEqual([3, 2, 3]);
    expect(points.entry("c")).toEqual({ label: 2, sourceHash: "hash b" });
    expect(points.entry("d")).toBeNull();
  });

  it("gives each point a label of its own", () => {
    const points = new PointItems([[["a", "hash a"]]]);
    const label = points.addLabel();
    points.add(label, ["b", "hash b"]);
    expect([label, points.numPoints, [...points.itemIds]]).toEqual([1, 2, ["a", "b"]]);
  });
});
