import { inBatches, type IndexingProgress } from "../../../../src/recsys/retrieval/in-batches.js";

const items = ["a", "b", "c", "d", "e"].map(itemId => ({ itemId }));

function runOver(total: number, signal?: AbortSignal) {
  const reports: IndexingProgress[] = [];
  const asked: string[] = [];
  const worked: string[][] = [];
  const numDone = inBatches({
    run: { signal, onProgress: progress => reports.push(progress) },
    stage: "keywords",
    total,
    find: async afterId => {
      asked.push(afterId);
      return items.filter(({ itemId }) => itemId > afterId).slice(0, 2);
    },
    work: async batch => {
      worked.push(batch.map(({ itemId }) => itemId));
      return batch.length - 1; // one of each batch fails
    },
  });
  return { asked, numDone, reports, worked };
}

describe("inBatches()", () => {
  it("asks for the items after the last one, until there are none, and adds up what was done", async () => {
    const { asked, numDone, worked } = runOver(5);
    expect(await numDone).toBe(1 + 1 + 0);
    expect(worked).toEqual([["a", "b"], ["c", "d"], ["e"]]);
    expect(asked).toEqual(["", "b", "d", "e"]);
  });

  it("reports the items seen, of a total that is never below them", async () => {
    const { numDone, reports } = runOver(3);
    await numDone;
    expect(reports.map(({ done, total }) => [done, total])).toEqual([
      [0, 3],
      [2, 3],
      [4, 4],
      [5, 5],
    ]);
  });

  it("stops before the next batch when aborted", async () => {
    const { asked, numDone } = runOver(5, AbortSignal.abort());
    await expect(numDone).rejects.toThrow("aborted");
    expect(asked).toEqual([]);
  });
});
