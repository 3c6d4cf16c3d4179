import { Random } from "../../../../src/ml/nn/random.js";
import type { Progress } from "../../../../src/ml/progress.js";
import { LightGcn } from "../../../../src/ml/ranking/light-gcn.js";
import { fitProgress } from "../../../../src/recsys/evaluation/fit-progress.js";

describe("fitProgress()", () => {
  /** 4 epochs of 6 batches, each so many milliseconds long. */
  async function reportsOf(batchMs: number): Promise<Progress[]> {
    let nowMs = 0;
    const reports: Progress[] = [];
    const { onBatch, onEpoch } = fitProgress(
      report => reports.push(report),
      () => nowMs,
    );
    const random = new Random(1);
    const train = Array.from({ length: 10 }, () =>
      Int32Array.from(random.shuffled([0, 1, 2, 3, 4, 5, 6, 7]).slice(0, 5)).sort(),
    );
    const model = new LightGcn({ embeddingSize: 4, batchSize: 10, numEpochs: 4 });
    await model.fit(
      { numUsers: 10, numItems: 8, train },
      {
        onEpoch,
        onBatch: report => {
          nowMs += batchMs;
          onBatch(report);
        },
      },
    );
    return reports;
  }

  it("reports once a second within an epoch, and never decreases or leaves 0 .. 1", async () => {
    const reports = await reportsOf(600);
    expect(reports.slice(0, 4)).toMatchObject([
      { fraction: 2 / 24, stage: "epoch 1 of at most 4, batch 2 of 6" },
      { fraction: 4 / 24, stage: "epoch 1 of at most 4, batch 4 of 6" },
      { fraction: 6 / 24, stage: "epoch 1 of at most 4, batch 6 of 6" },
      { fraction: 1 / 4, stage: expect.stringMatching(/^epoch 1 of at most 4: loss /) as string },
    ]);
    const fractions = reports.map(({ fraction }) => fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    expect(fractions[0]).toBeGreaterThan(0);
  });

  it("reports only epochs where batches are short", async () => {
    const reports = await reportsOf(1);
    expect(reports.map(({ fraction }) => fraction)).toEqual([0.25, 0.5, 0.75, 1]);
  });
});
