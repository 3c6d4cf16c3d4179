/** @file The bundled pack with a modified exemplar bank. */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors, type StoredTensor } from "../../../../src/ml/nn/safetensors.js";
import { loadSafetensors } from "../../../../src/ml/runtime/safetensors-file.js";
import { miniPackDir } from "../runtime/mini-pack.js";

export type StoredTensors = Record<string, StoredTensor>;

/** The pack in a folder that is removed after `use`. */
export async function withChangedPack<T>(
  change: (memory: StoredTensors) => StoredTensors,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "memory-"));
  try {
    await cp(miniPackDir, folder, { recursive: true });
    await rm(join(folder, "manifest.json"));
    const path = join(folder, "memory", "memory.safetensors");
    const { metadata, tensors } = await loadSafetensors(path);
    await writeFile(path, encodeSafetensors({ metadata, tensors: change(tensors) }));
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** An exemplar bank with only exemplar `rank` of each object, or its only one. */
export function drawingOnly(rank: number): (memory: StoredTensors) => StoredTensors {
  return ({ latents, things: objects, ...others }) => {
    const size = latents.values.length / latents.shape[0];
    const places = [...new Set(objects.values)].map(object => {
      const own = [...objects.values.keys()].filter(place => objects.values[place] === object);
      return own[Math.min(rank, own.length - 1)];
    });
    const kept = new Float32Array(places.length * size);
    places.forEach((place, n) => {
      kept.set(latents.values.subarray(place * size, (place + 1) * size), n * size);
    });
    return {
      ...others,
      latents: { shape: [places.length, ...latents.shape.slice(1)], values: kept },
    };
  };
}
