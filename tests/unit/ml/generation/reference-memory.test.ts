/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPipelineConfig } from "../../../../src/ml/generation/pipeline-config.js";
import { DiffusionPipeline } from "../../../../src/ml/generation/pipeline.js";
import { ReferenceMemory } from "../../../../src/ml/generation/reference-memory.js";

import { cosine } from "../../../../src/ml/nn/cosine.js";
import { drawnBox } from "../../../../src/ml/nn/fitted-image.js";
import { loadSafetensors, saveSafetensors } from "../../../../src/ml/nn/safetensors.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { describeWithMiniPack, miniPackDir } from "../runtime/mini-pack.js";

describeWithMiniPack("ReferenceMemory", () => {
  const options = { numThreads: 1 };

  it("recalls for a drawing's title, with a style or without, that drawing", async () => {
    const pack = await openModelPack(miniPackDir);
    const memory = await ReferenceMemory.load(pack, await loadPipelineConfig(pack), options);
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
      expect(cosine((await memory.recall(prompt)).latents, stored)).toBeCloseTo(1, 6);
    }
    await memory.dispose();
  });

  it("knows how large the style that a prompt names draws", async () => {
    const pack = await openModelPack(miniPackDir);
    const memory = await ReferenceMemory.load(pack, await loadPipelineConfig(pack), options);
    const extentOf = async (prompt: string) => (await memory.recall(prompt)).extentPixels;
    expect(await extentOf("rocket")).toBeGreaterThan(0);
    const bold = await extentOf("rocket, twemoji style with bold simple shapes");
    const glossy = await extentOf("rocket, glossy 3d style");
    await memory.dispose();
    expect(bold).toBeGreaterThan(glossy!);
  });

  it("is drawn as large as the style that a prompt names draws", async () => {
    const pipeline = await DiffusionPipeline.load(await openModelPack(miniPackDir), options);
    const extentOf = async (style: string) => {
      const prompt = `rocket, ${style}`;
      const [image] = await pipeline.generate({ prompt, seed: 1, numImages: 1 });
      const { columns, rows } = drawnBox(image);
      return Math.max(columns.length, rows.length);
    };
    const bold = await extentOf("twemoji style with bold simple shapes");
    const glossy = await extentOf("glossy 3d style");
    await pipeline.dispose();
    expect(bold).toBeGreaterThan(glossy);
  });

  it("is what a prompt without a picture is drawn from, unless it is not wanted", async () => {
    const pipeline = await DiffusionPipeline.load(await openModelPack(miniPackDir), options);
    const asked = { prompt: "rocket", guidanceScale: 1, seed: 1, numImages: 1, numSteps: 2 };
    expect(pipeline.hasMemory).toBe(true);
    const [recalled] = await pipeline.generate(asked);
    const [alone] = await pipeline.generate({ ...asked, usesMemory: false });
    const [wordless] = await pipeline.generate({ ...asked, prompt: "" });
    const [wordlessAlone] = await pipeline.generate({ ...asked, prompt: "", usesMemory: false });
    await pipeline.dispose();
    expect(recalled).not.toEqual(alone);
    expect(wordless).toEqual(wordlessAlone);
  });

  it.each([
    ["without latents", "latents", null],
    ["of latents of another size", "latents", { shape: [1, 1, 1, 1], values: Float32Array.of(1) }],
    ["with another number of extents", "extents", { shape: [1], values: Float32Array.of(112) }],
  ])("refuses a memory %s", async (_, name, tensor) => {
    const folder = await mkdtemp(join(tmpdir(), "memory-"));
    try {
      await cp(miniPackDir, folder, { recursive: true });
      await rm(join(folder, "manifest.json"));
      const path = join(folder, "memory", "memory.safetensors");
      const { metadata, tensors } = await loadSafetensors(path);
      const others = Object.entries(tensors).filter(([own]) => own !== name);
      const changed = Object.fromEntries(tensor ? [...others, [name, tensor]] : others);
      await saveSafetensors(path, { metadata, tensors: changed });
      const pack = await openModelPack(folder);
      await expect(
        ReferenceMemory.load(pack, await loadPipelineConfig(pack), options),
      ).rejects.toThrow(expect.objectContaining({ code: "FILE_MALFORMED" }) as Error);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
