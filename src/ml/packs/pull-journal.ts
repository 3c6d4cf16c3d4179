/** @file The journal of a pull: files finished so far, so that the next pull fetches only the rest. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { HubFile } from "./hub.js";
import type { PackFile } from "./pack-catalogue.js";
import {
  filesFromHub,
  findPulledManifest,
  type PulledFile,
  pulledFileSchema,
  sizeOnDisk,
  writeWhole,
} from "./pulled-manifest.js";

export class PullJournal {
  private constructor(
    private readonly path: string,
    private readonly files: Map<string, PulledFile>,
  ) {}

  /** Opens the journal of a staging folder; empty where it is absent or damaged. */
  static async open(staging: string): Promise<PullJournal> {
    const path = join(staging, "pull.json");
    const text = await readFile(path, "utf8").catch(() => "[]");
    const manifest = await findPulledManifest(staging); // left by a pull that ended just before its rename
    const known = [...(manifest ? filesFromHub(manifest) : []), ...parsed(text)];
    const files: PulledFile[] = [];
    for (const file of known) {
      if ((await sizeOnDisk(join(staging, file.path))) === file.sizeBytes) {
        files.push(file);
      }
    }
    return new PullJournal(path, new Map(files.map(file => [file.path, file])));
  }

  /** The finished file, if it is still the requested one. */
  find({ path, sha256 }: PackFile, { identity }: HubFile): PulledFile | null {
    const file = this.files.get(path);
    const isSame =
      file !== undefined &&
      identity !== null &&
      file.source.identity === identity &&
      (sha256 === null || file.sha256 === sha256);
    return isSame ? file : null;
  }

  async add(file: PulledFile): Promise<void> {
    this.files.set(file.path, file);
    await writeWhole(this.path, JSON.stringify([...this.files.values()]));
  }
}

function parsed(text: string): PulledFile[] {
  try {
    return z.array(pulledFileSchema).parse(JSON.parse(text));
  } catch {
    return [];
  }
}
