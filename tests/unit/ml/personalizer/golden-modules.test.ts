import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { multiHeadAttention } from "../../../../src/ml/nn/multi-head-attention.js";
import { parametersOf } from "../../../../src/ml/nn/parameters.js";
import { numAttentionHeads } from "../../../../src/ml/personalizer/cross-attention.js";
import { modalMapper } from "../../../../src/ml/personalizer/modal-mapper.js";
import { loadSafetensors } from "../../../../src/ml/runtime/safetensors-file.js";
import { loadTfjsBackend, type TfjsBackendName } from "../../../../src/ml/runtime/tfjs-backend.js";

// PyTorch's results: pretrain/golden_generation.py.
async function golden(name: string): Promise<Record<string, tf.Tensor>> {
  const { tensors } = await loadSafetensors(join("tests/golden/generation", `${name}.safetensors`));
  return Object.fromEntries(
    Object.entries(tensors).map(([key, { shape, values }]) => [key, tf.tensor(values, [...shape])]),
  );
}

/** Values, and the gradient of Σ sin(out) in every input and parameter. */
function expectEqual(
  tensors: Record<string, tf.Tensor>,
  f: (given: Record<string, tf.Tensor>) => tf.Tensor,
): void {
  const names = Object.keys(tensors).filter(name => Object.hasOwn(tensors, `grad.${name}`));
  const ofList = (list: tf.Tensor[]) =>
    f({ ...tensors, ...Object.fromEntries(list.map((tensor, i) => [names[i], tensor])) });
  const given = names.map(name => tensors[name]);
  expect(ofList(given)).toBeAllclose(tensors.out, { atol: 1e-5 });
  const gradients = tf.grads((...list: tf.Tensor[]) => tf.sum(tf.sin(ofList(list))))(given);
  names.forEach((name, i) => {
    expect(gradients[i].shape).toEqual(tensors[name].shape);
    expect(gradients[i]).toBeAllclose(tensors[`grad.${name}`], { rtol: 1e-3, atol: 2e-5 });
  });
}

describe.each(["cpu", "wasm"] satisfies TfjsBackendName[])("on %s", backend => {
  beforeAll(() => loadTfjsBackend([backend]));

  it("modalMapper() equals GILL's", async () => {
    const config = { width: 12, numLayers: 4, numHeads: 4, feedForwardSize: 20 };
    expectEqual(await golden("mapper"), tensors =>
      modalMapper(tensors["in.states"] as tf.Tensor3D, parametersOf(tensors), config),
    );
  });

  it("multiHeadAttention() equals PyTorch's, with padded memory masked", async () => {
    expectEqual(await golden("attention"), tensors =>
      multiHeadAttention(
        tensors["in.queries"] as tf.Tensor3D,
        { tokens: tensors["in.memory"] as tf.Tensor3D, mask: tensors.mask as tf.Tensor2D },
        parametersOf(tensors),
        3,
      ),
    );
  });
});

describe("numAttentionHeads()", () => {
  it("is D / 64, at least 1, and divides D", () => {
    expect([8, 64, 192, 200, 768].map(numAttentionHeads)).toEqual([1, 1, 3, 2, 12]);
  });
});
