import { Workspace } from "../../../../src/ml/nn/workspace.js";

describe("Workspace", () => {
  it("returns the same memory for the same name and shape", () => {
    const workspace = new Workspace();
    const first = workspace.matrix("a", [2, 3]);
    first.values.fill(7);
    expect(workspace.matrix("a", [2, 3])).toBe(first);
    expect([...first.values]).toEqual(Array<number>(6).fill(7));
    expect(workspace.matrix("b", [2, 3])).not.toBe(first);
  });

  it("returns zeros on request", () => {
    const workspace = new Workspace();
    const first = workspace.zeros("a", [2, 2]);
    first.values.fill(7);
    expect(workspace.zeros("a", [2, 2])).toBe(first);
    expect([...first.values]).toEqual([0, 0, 0, 0]);
  });

  it.each([
    [[3, 2], 6],
    [[2, 4], 8],
  ] as const)("allocates another matrix for the shape [%j], not [2, 3]", (shape, length) => {
    const workspace = new Workspace();
    workspace.matrix("a", [2, 3]);
    const { shape: got, values } = workspace.matrix("a", shape);
    expect(got).toEqual(shape);
    expect(values).toHaveLength(length);
  });
});
