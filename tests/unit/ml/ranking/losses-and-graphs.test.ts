/** @jest-environment ./tests/helpers/float64-environment.js */
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { bprLoss, sigmoid, softplus } from "../../../../src/ml/ranking/bpr-loss.js";
import { itemGraph } from "../../../../src/ml/ranking/item-graph.js";
import {
  drawTriples,
  epochTriples,
  numBatches,
  numEpochBatches,
} from "../../../../src/ml/ranking/training-batches.js";
import {
  propagated,
  randomWalkAdjacency,
  symmetricAdjacency,
} from "../../../../src/ml/ranking/user-item-graph.js";
import { centralDifferences, relativeError } from "../../../helpers/gradient.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

// One user who chose two items: node 0 is the user, of degree 2; nodes 1 and 2 the items, of degree 1.
const star = [Int32Array.of(0, 1)];

describe("symmetricAdjacency()", () => {
  it("weights an edge by the roots of both degrees", () => {
    const { values, columns } = symmetricAdjacency(star, 2);
    expect([...columns]).toEqual([1, 2, 0, 0]);
    expect(values).toBeAllclose([Math.SQRT1_2, Math.SQRT1_2, Math.SQRT1_2, Math.SQRT1_2]);
  });
});

describe("randomWalkAdjacency()", () => {
  it("has rows that sum to 1, including self-loops", () => {
    const { values, columns } = randomWalkAdjacency(star, 2);
    expect([...columns]).toEqual([0, 1, 2, 0, 1, 0, 2]);
    expect(values).toBeAllclose([1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2, 1 / 2, 1 / 2]);
  });

  it("connects an unchosen item only to itself", () => {
    const { values, columns } = randomWalkAdjacency([Int32Array.of(0)], 2);
    expect([columns.at(-1), values.at(-1)]).toEqual([2, 1]);
  });
});

describe("propagated()", () => {
  it("averages the user with its items", () => {
    const x = matrix([3, 1], Float32Array.of(1, 0, 0));
    // Â x = (0, √½, √½); the mean with x.
    expect(propagated(symmetricAdjacency(star, 2), x, 1)).toBeAllclose([
      1 / 2,
      Math.SQRT1_2 / 2,
      Math.SQRT1_2 / 2,
    ]);
  });

  it("is the identity without layers", () => {
    const x = matrix([3, 2], new Random(1).normals(6));
    expect(propagated(randomWalkAdjacency(star, 2), x, 0)).toBeAllclose(x);
  });
});

describe("itemGraph()", () => {
  it("keeps the nearest including itself, and normalizes by row degrees", async () => {
    // Angles 0°, 60°, 90°: cosines 1, ½ and 0; √¾ between the last two. k = 2.
    const features = matrix([3, 2], Float32Array.of(2, 0, 0.5, Math.sqrt(0.75), 0, 3));
    const { similarities, normalized, degrees } = await itemGraph(
      features,
      { numNeighbours: 2 },
      new PlainKernels(),
    );
    const c = Math.sqrt(0.75);
    expect([...similarities.columns]).toEqual([0, 1, 1, 2, 1, 2]);
    expect(similarities.values).toBeAllclose([1, 0.5, 1, c, c, 1]);
    expect(degrees).toBeAllclose([1.5, 1 + c, 1 + c]);
    expect(normalized.values[1]).toBeAllclose(0.5 / Math.sqrt(1.5 * (1 + c)));
  });

  it("leaves an item without features isolated", async () => {
    const features = matrix([3, 2], Float32Array.of(1, 0, 0, 0, 1, 1));
    const { similarities, degrees } = await itemGraph(
      features,
      { numNeighbours: 3 },
      new PlainKernels(),
    );
    expect([...similarities.columns]).toEqual([0, 2, 0, 2]);
    expect(degrees[1]).toBe(0);
  });
});

describe("bprLoss()", () => {
  const triples = {
    users: Int32Array.of(0, 1, 0),
    positives: Int32Array.of(0, 1, 2),
    negatives: Int32Array.of(1, 2, 1),
  };

  it("is ln 2 when all scores are equal", () => {
    const zeros = bprLoss(matrix([2, 3]), matrix([3, 3]), triples, 0.1);
    expect([zeros.bpr, zeros.l2]).toBeAllclose([Math.LN2, 0]);
  });

  it("has the gradient of central differences", async () => {
    const users = matrix([2, 4], new Random(1).normals(8));
    const items = matrix([3, 4], new Random(2).normals(12));
    const loss = () => {
      const { bpr, l2 } = bprLoss(users, items, triples, 0.1);
      return bpr + l2;
    };
    const { dUsers, dItems } = bprLoss(users, items, triples, 0.1);
    const atUsers = await centralDifferences(loss, users.values, 1e-4);
    const atItems = await centralDifferences(loss, items.values, 1e-4);
    expect(relativeError(dUsers.values, atUsers)).toBeLessThan(1e-6);
    expect(relativeError(dItems.values, atItems)).toBeLessThan(1e-6);
  });

  it("stays finite where e^x would overflow", () => {
    expect([softplus(1000), softplus(-1000), sigmoid(-1000), sigmoid(1000)]).toEqual([
      1000, 0, 0, 1,
    ]);
  });
});

describe("drawTriples()", () => {
  it("draws a chosen and an unchosen item, from users who have both", () => {
    const itemsOfUser = [[0, 2], [], [1], [0, 1, 2, 3]].map(items => Int32Array.from(items));
    const { users, positives, negatives } = drawTriples({ itemsOfUser }, 4, 200, new Random(1));
    expect([...new Set(users)].sort()).toEqual([0, 2]);
    users.forEach((user, b) => {
      expect(itemsOfUser[user]).toContain(positives[b]);
      expect(itemsOfUser[user]).not.toContain(negatives[b]);
    });
  });

  it("draws chosen items in proportion to their strength", () => {
    const itemsOfUser = [Int32Array.of(0, 1, 2)];
    const strengths = [Float32Array.of(6, 0, 2)];
    const { positives } = drawTriples({ itemsOfUser, strengths }, 4, 4_000, new Random(1));
    const share = (item: number) => positives.filter(drawn => drawn === item).length / 4_000;
    expect(share(0)).toBeAllclose(0.75, { rtol: 0, atol: 0.03 }); // four standard errors
    expect(share(1)).toBe(0);
    const none = drawTriples(
      { itemsOfUser, strengths: [new Float32Array(3)] },
      4,
      100,
      new Random(1),
    );
    expect(new Set(none.positives).size).toBe(3);
  });

  it("draws users without repeats when there are enough", () => {
    const itemsOfUser = Array.from({ length: 50 }, (_, user) => Int32Array.of(user % 3));
    const { users } = drawTriples({ itemsOfUser }, 5, 40, new Random(1));
    expect(new Set(users).size).toBe(40);
  });

  it("refuses data in which no user has a choice to train on", () => {
    const nothing = expect.objectContaining({ code: "NOTHING_TO_COMPARE" }) as Error;
    const everything = Int32Array.of(0, 1);
    for (const [itemsOfUser, numItems] of [
      [[Int32Array.of(0)], 1],
      [[everything, everything], 2],
      [[new Int32Array(0)], 2],
      [[], 2],
    ] as const) {
      expect(() => drawTriples({ itemsOfUser }, numItems, 4, new Random(1))).toThrow(nothing);
      expect(() => numEpochBatches(itemsOfUser, numItems, 4)).toThrow(nothing);
    }
  });
});

describe("epochTriples()", () => {
  const itemsOfUser = [Int32Array.of(0, 1), Int32Array.of(0, 1, 2), Int32Array.of(2)];
  const drawn = (strengths?: readonly Float32Array[], seed = 1) =>
    [...epochTriples({ itemsOfUser, strengths }, 3, 2, new Random(seed))].flatMap(
      ({ users, positives }) => Array.from(users, (user, b) => `${user}:${positives[b]}`),
    );

  it("visits every choice once, except for users who chose everything", () => {
    expect(drawn().sort()).toEqual(["0:0", "0:1", "2:2"]);
  });

  it("visits choices in proportion to their strength", () => {
    const strengths = [Float32Array.of(1, 0), Float32Array.of(9, 9, 9), Float32Array.of(3)];
    const all = Array.from({ length: 1_000 }, (_, seed) => drawn(strengths, seed)).flat();
    expect(all).toHaveLength(3_000);
    expect(new Set(all)).toEqual(new Set(["0:0", "2:2"]));
    const share = all.filter(pair => pair === "2:2").length / all.length;
    expect(share).toBeAllclose(0.75, { rtol: 0, atol: 0.03 });
  });
});

describe("numBatches()", () => {
  it("is one more than the full batches", () => {
    const itemsOfUser = [Int32Array.of(1, 2, 3), Int32Array.of(4)];
    expect([2, 3, 4, 5].map(size => numBatches(itemsOfUser, size))).toEqual([3, 2, 2, 1]);
  });
});
