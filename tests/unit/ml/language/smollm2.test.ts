/**
 * @file SmolLM2-135M in TensorFlow.js against transformers. Needs `VITRINE_SMOLLM2`, a folder made by
 * `python pretrain/golden_language.py --smollm2 DIR`.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { LlamaTokenizer } from "../../../../src/ml/language/llama-tokenizer.js";
import { Llama } from "../../../../src/ml/language/llama.js";
import { loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";

const directory = process.env.VITRINE_SMOLLM2 ?? "";
const isThere = directory !== "" && existsSync(join(directory, "reference.json"));
const describeWithWeights = isThere ? describe : describe.skip;

describeWithWeights(
  `SmolLM2-135M${isThere ? "" : " (VITRINE_SMOLLM2 names no folder of it)"}`,
  () => {
    const { cases } = (
      isThere ? JSON.parse(readFileSync(join(directory, "reference.json"), "utf8")) : { cases: [] }
    ) as { cases: { text: string; ids: number[]; logits: number[]; greedy: number[] }[] };
    let model: Llama;
    let tokenizer: LlamaTokenizer;

    beforeAll(async () => {
      await loadTfjsBackend();
      model = await Llama.load(directory);
      tokenizer = await LlamaTokenizer.load(directory);
    });
    afterAll(() => model.dispose());

    it("has transformers' token ids, logits and greedy continuation", async () => {
      expect(cases.length).toBeGreaterThan(0);
      for (const { text, ids, logits, greedy } of cases) {
        expect(tokenizer.encode(text)).toEqual(ids);
        const logitsOfLast = tf.tidy(() => {
          const hidden = model.hiddenStates(
            tf.tensor2d([ids], undefined, "int32"),
            tf.ones<tf.Rank.R2>([1, ids.length]),
          );
          return model.logits(tf.slice(hidden, [0, ids.length - 1, 0], [1, 1, -1]));
        });
        const got = logitsOfLast.dataSync<"float32">();
        logitsOfLast.dispose();
        const largest = got.reduce((max, x, i) => Math.max(max, Math.abs(x - logits[i])), 0);
        console.info(`SmolLM2-135M: largest difference of a logit ${largest.toExponential(2)}`);
        expect(got).toBeAllclose(logits, { rtol: 0, atol: 1e-3 });
        expect(await model.generate(ids, { maxTokens: greedy.length, stopIds: [] })).toEqual(
          greedy,
        );
      }
    });
  },
);
