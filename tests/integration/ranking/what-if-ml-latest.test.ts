/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { row } from "../../../src/ml/nn/matrix.js";
import { Random } from "../../../src/ml/nn/random.js";
import { Micro } from "../../../src/ml/ranking/micro.js";
import { readPreparedData } from "../../../src/recsys/datasets/prepared-data.js";
import { patience } from "../../helpers/patience.js";

// The real data: read where it is, never copied.
const folder = resolve(import.meta.dirname, "../../../../shared/data/ml-latest-small");
const isThere = existsSync(folder);
const PAIRS = 24;

describe(isThere ? "what-if on ml-latest-small" : `what-if (skipped: no ${folder})`, () => {
  (isThere ? it : it.skip)(
    "orders scores and their changes as a full rebuild does: Spearman's ρ of 0.99 or more",
    async () => {
      const data = await readPreparedData(folder);
      const { numUsers, numItems, modalities } = data;
      const { train } = await data.tuningSplit("official", 0);
      const model = new Micro({
        numEpochs: 4,
        validateEvery: 5,
        learningRate: 5e-3, // as far as the authors' rate gets in ten times as many epochs
        contrast: { kind: "anchors", count: 256 },
      });
      await model.fit({ numUsers, numItems, train, modalities });
      const { features } = modalities[0];
      const random = new Random(4);
      const fast: number[] = [];
      const exact: number[] = [];
      const before: number[] = [];
      for (let pair = 0; pair < PAIRS; pair++) {
        const itemIndex = random.int(numItems);
        const userIndex = random.int(numUsers);
        const other = row(features, random.int(numItems));
        const share = random.uniform();
        const candidate = row(features, itemIndex).map(
          (value, f) => (1 - share) * value + share * other[f],
        );
        const target = { itemIndex, modality: "visual" };
        before.push(model.score(userIndex)[itemIndex]);
        fast.push(model.whatIf({ userIndex }, target, [candidate])[0]);
        exact.push((await model.exactWhatIf({ userIndex }, { ...target, candidate }))[itemIndex]);
      }
      model.dispose();
      const changes = (scores: number[]) => scores.map((score, at) => score - before[at]);
      expect(spearman(fast, exact)).toBeGreaterThanOrEqual(0.99);
      expect(spearman(changes(fast), changes(exact))).toBeGreaterThanOrEqual(0.99);
    },
    patience(300_000),
  );
});

/** The correlation of ranks; values without ties. */
function spearman(a: readonly number[], b: readonly number[]): number {
  const ranks = (values: readonly number[]) => values.map(x => values.filter(y => y < x).length);
  const [ranksA, ranksB] = [ranks(a), ranks(b)];
  const n = a.length;
  const squares = ranksA.reduce((sum, rank, i) => sum + (rank - ranksB[i]) ** 2, 0);
  return 1 - (6 * squares) / (n * (n * n - 1));
}
