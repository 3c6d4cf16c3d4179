/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ExemplarBank } from "../../../../src/ml/diffusion/exemplar-bank.js";
import { loadPipelineConfig } from "../../../../src/ml/diffusion/pipeline-config.js";
import { DiffusionPipeline } from "../../../../src/ml/diffusion/pipeline.js";
import { cosine } from "../../../../src/ml/nn/cosine.js";
import { drawnBox } from "../../../../src/ml/nn/fitted-image.js";
import type { StoredTensor } from "../../../../src/ml/nn/safetensors.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { loadSafetensors } from "../../../../src/ml/runtime/safetensors-file.js";
import { describeWithMiniPack, miniPackDir } from "../runtime/mini-pack.js";
import { type StoredTensors, withChangedPack } from "./changed-pack.js";

function without(memory: StoredTensors, name: string): StoredTensors {
  return Object.fromEntries(Object.entries(memory).filter(([own]) => own !== name));
}

describeWithMiniPack("ExemplarBank", () => {
  const options = { numThreads: 1 };

  it("retrieves an exemplar by its title, with or without a style", async () => {
    const pack = await openModelPack(miniPackDir);
    const memory = await ExemplarBank.load(pack, await loadPipelineConfig(pack), options);
    const ids = JSON.parse(
      await readFile(join(miniPackDir, "memory", "stickers.json"), "utf8"),
    ) as string[];
    const { latents, scales } = (
      await loadSafetensors(join(miniPackDir, "memory", "memory.safetensors"))
    ).tensors;
    const size = latents.values.length / ids.length;
    const plane = size / scales.values.length;
    for (const [title, prompt] of [
      ["rocket", "rocket"],
      ["hot_dog", "hot dog, flat vector style"],
      ["bicycle", "bicycle, glossy 3d style"],
    ]) {
      const place = ids.findIndex(id => id.endsWith(`:${title}`));
      expect(place).toBeGreaterThanOrEqual(0);
      const stored = Float32Array.from({ length: size }, (_, i) => {
        return latents.values[place * size + i] * scales.values[Math.floor(i / plane)];
      });
      expect(cosine((await memory.recall(prompt)).drawings[0], stored)).toBeCloseTo(1, 6);
    }
    await memory.dispose();
  });

  it("retrieves all exemplars of an object, and the style that the prompt names", async () => {
    const twiceAsMany = ({ things: objects, ...others }: StoredTensors) => {
      const numObjects = others.embeddings.shape[0];
      const shown = objects ? objects.values : Int32Array.from({ length: numObjects }, (_, n) => n);
      const { latents } = others;
      const twice = Float32Array.from({ length: 2 * latents.values.length }, (_, i) => {
        return i < latents.values.length
          ? latents.values[i]
          : -latents.values[i - latents.values.length];
      });
      return {
        ...others,
        latents: { shape: [2 * latents.shape[0], ...latents.shape.slice(1)], values: twice },
        things: { shape: [2 * shown.length], values: Int32Array.of(...shown, ...shown) },
      };
    };
    await withChangedPack(twiceAsMany, async folder => {
      const pack = await openModelPack(folder);
      const memory = await ExemplarBank.load(pack, await loadPipelineConfig(pack), options);
      const plain = await memory.recall("rocket");
      const glossy = await memory.recall("rocket, glossy 3d style");
      await memory.dispose();
      const half = plain.drawings.length / 2;
      expect(half).toBeGreaterThanOrEqual(1);
      expect(plain.drawings.slice(half)).toEqual(
        plain.drawings.slice(0, half).map(drawing => drawing.map(x => -x)),
      );
      expect(plain.style).toBeNull();
      expect(glossy.style).toBe(0); // the first of styles.json
      expect(memory.numStyles).toBe(6);
    });
  });

  it("returns the extent of the prompt's style", async () => {
    const pack = await openModelPack(miniPackDir);
    const memory = await ExemplarBank.load(pack, await loadPipelineConfig(pack), options);
    const extentOf = async (prompt: string) => (await memory.recall(prompt)).extentPixels;
    expect(await extentOf("rocket")).toBeGreaterThan(0);
    const bold = await extentOf("rocket, twemoji style with bold simple shapes");
    const glossy = await extentOf("rocket, glossy 3d style");
    await memory.dispose();
    expect(bold).toBeGreaterThan(glossy!);
  });

  it("is redrawn as large as its extents say", async () => {
    const extentOf = (change: (memory: StoredTensors) => StoredTensors) =>
      withChangedPack(change, async folder => {
        const pipeline = await DiffusionPipeline.load(await openModelPack(folder), options);
        const [image] = await pipeline.generate({ prompt: "rocket", seed: 1, numImages: 1 });
        await pipeline.dispose();
        const { columns, rows } = drawnBox(image);
        return Math.max(columns.length, rows.length);
      });
    const shrunk = await extentOf(({ extents, ...others }) => ({
      ...others,
      extents: { ...extents, values: extents.values.map(() => 64) },
    }));
    const asStored = await extentOf(memory => without(memory, "extents"));
    expect(Math.abs(shrunk - 64)).toBeLessThan(16);
    expect(asStored).toBeGreaterThan(112);
  });

  it("is used for a prompt without an image, unless disabled", async () => {
    const pipeline = await DiffusionPipeline.load(await openModelPack(miniPackDir), options);
    const asked = { prompt: "rocket", guidanceScale: 1, seed: 1, numImages: 1, numSteps: 2 };
    expect(pipeline.hasExemplars).toBe(true);
    const [recalled] = await pipeline.generate(asked);
    const [alone] = await pipeline.generate({ ...asked, usesExemplars: false });
    const [wordless] = await pipeline.generate({ ...asked, prompt: "" });
    const [wordlessAlone] = await pipeline.generate({ ...asked, prompt: "", usesExemplars: false });
    await pipeline.dispose();
    expect(recalled).not.toEqual(alone);
    expect(wordless).toEqual(wordlessAlone);
  });

  const replaced = (name: string, shape: number[], values: StoredTensor["values"]) => {
    return (memory: StoredTensors) => ({ ...memory, [name]: { shape, values } });
  };

  it.each<[string, (memory: StoredTensors) => StoredTensors]>([
    ["without latents", memory => without(memory, "latents")],
    ["of latents of another size", replaced("latents", [1, 1, 1, 1], Float32Array.of(1))],
    ["with another number of extents", replaced("extents", [1], Float32Array.of(112))],
    ["with things that are not drawn", replaced("things", [2], Int32Array.of(0, 0))],
    [
      "with drawings of a thing that it has no prompts for",
      ({ things: objects, ...others }) => ({
        ...others,
        things: { ...objects, values: objects.values.map(object => object + 1) },
      }),
    ],
  ])("refuses a bank %s", async (_, change) => {
    await withChangedPack(change, async folder => {
      const pack = await openModelPack(folder);
      await expect(
        ExemplarBank.load(pack, await loadPipelineConfig(pack), options),
      ).rejects.toThrow(expect.objectContaining({ code: "FILE_MALFORMED" }) as Error);
    });
  });
});
