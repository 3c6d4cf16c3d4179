import { describe, expect, it, jest } from "@jest/globals";
import { CaptionIndex } from "../../../../src/recsys/retrieval/caption-index.js";
import { SimilarItemsService } from "../../../../src/recsys/retrieval/similar-items.service.js";

/** A unit vector at an angle. */
function at(degrees: number): Float32Array {
  const angle = (degrees * Math.PI) / 180;
  return Float32Array.of(Math.cos(angle), Math.sin(angle));
}

interface Item {
  itemId: string;
  caption: Float32Array;
  image: Float32Array | null;
  text: string;
  isAvailable: boolean;
}

const itemOf = (itemId: string, degrees: number, given: Partial<Item> = {}): Item => ({
  itemId,
  caption: at(degrees),
  image: at(degrees),
  text: "",
  isAvailable: true,
  ...given,
});

async function serviceOf(items: readonly Item[]) {
  const index = new CaptionIndex(2, undefined, "exact");
  const add = (added: readonly Item[]) =>
    index.add(added.map(({ caption, itemId }) => ({ itemId, vector: caption, sourceHash: "" })));
  await add(items);
  const all = [...items];
  const sampleTraits = jest.fn(async (limit: number) => all.slice(0, limit));
  const service = new SimilarItemsService({
    index: { current: index },
    items: {
      existing: async ids => new Set(ids.filter(id => all.some(({ itemId }) => itemId === id))),
      findTraits: async ids => all.filter(({ itemId }) => ids.includes(itemId)),
      sampleTraits,
    },
  });
  const grow = async (added: readonly Item[]) => {
    await add(added);
    all.push(...added);
  };
  return { service, sampleTraits, grow };
}

describe("SimilarItemsService", () => {
  it("orders items with equal captions by their images", async () => {
    const { service } = await serviceOf([
      itemOf("asked", 0),
      itemOf("a-far", 10, { image: at(80) }),
      itemOf("b-near", 10, { image: at(5) }),
      itemOf("c-middle", 10, { image: at(40) }),
      itemOf("d-without", 10, { image: null }),
      itemOf("e-other", 90),
    ]);
    const found = await service.similarItems("asked", 10);
    expect(found.map(({ itemId }) => itemId)).toEqual([
      "b-near",
      "c-middle",
      "d-without", // counts as the mean of all pairs, cos 52 = .62
      "a-far",
      "e-other",
    ]);
    const similarities = found.map(({ similarity }) => similarity);
    expect(similarities).toEqual([...similarities].sort((a, b) => b - a));
    expect(Math.max(...similarities)).toBeLessThan(1);
  });

  it("gives the same first places for every number of places, over several blocks", async () => {
    const items = Array.from({ length: 700 }, (_, n) =>
      itemOf(`i${String(n).padStart(3, "0")}`, n / 8, {
        image: at((n * 37) % 90),
        isAvailable: n % 3 > 0,
      }),
    );
    const { service } = await serviceOf([itemOf("asked", 0), ...items]);
    const all = await service.similarItems("asked", 1_000);
    expect(all).toHaveLength(466); // the available ones of 700
    expect(new Set(all.map(({ itemId }) => itemId)).size).toBe(466);
    for (const k of [1, 60, 130, 134, 200, 466]) {
      expect(await service.similarItems("asked", k)).toEqual(all.slice(0, k));
    }
  });

  it("samples the catalogue once, and again when a tenth of it is new", async () => {
    const { grow, sampleTraits, service } = await serviceOf(
      Array.from({ length: 30 }, (_, n) => itemOf(`i${n}`, n)),
    );
    await Promise.all([service.similarItems("i0", 3), service.similarItems("i1", 3)]);
    await grow([itemOf("new", 50)]);
    await service.similarItems("new", 3);
    expect(sampleTraits).toHaveBeenCalledTimes(1);
    await grow([1, 2, 3].map(n => itemOf(`new-${n}`, 50 + n)));
    await service.similarItems("new", 3);
    expect(sampleTraits).toHaveBeenCalledTimes(2);
  });

  it("samples again after a failure", async () => {
    const { sampleTraits, service } = await serviceOf([itemOf("a", 0), itemOf("b", 1)]);
    sampleTraits.mockRejectedValueOnce(new Error("the connection ended"));
    await expect(service.similarItems("a", 1)).rejects.toThrow("the connection ended");
    expect(await service.similarItems("a", 1)).toMatchObject([{ itemId: "b" }]);
  });
});
