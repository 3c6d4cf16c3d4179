/** @file Result files of experiments, in `results/` of the store: `<name>.json`, as `vitrine experiment` and `evaluate` write them. */
import { z } from "zod";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import { AppError } from "../../../errors/app-error.js";
import { parseJson } from "../../../errors/parse-options.js";

const FOLDER = "results";
/** Largest file that is read. */
const MAX_BYTES = 16 * 2 ** 20;

export interface ResultFile {
  /** Without the ending. */
  name: string;
  sizeBytes: number;
  modifiedAt: Date;
}

export class ResultFiles {
  constructor(private readonly store: Pick<ArtefactStore, "get" | "list">) {}

  /** By name. */
  async list(): Promise<ResultFile[]> {
    const entries = await this.store.list(FOLDER);
    return entries.flatMap(({ key, ...about }) => {
      const name = /^results\/([^/]+)\.json$/.exec(key)?.[1];
      return name === undefined ? [] : [{ name, ...about }];
    });
  }

  /** @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED`, `PAYLOAD_TOO_LARGE` */
  async read(name: string): Promise<Record<string, unknown>> {
    const path = `${FOLDER}/${name}.json`;
    const file = (await this.list()).find(one => one.name === name);
    if (!file) {
      throw new AppError("FILE_NOT_FOUND", { path });
    }
    if (file.sizeBytes > MAX_BYTES) {
      const got = `${file.sizeBytes} bytes`;
      throw new AppError("PAYLOAD_TOO_LARGE", { what: `'${path}'`, got, max: MAX_BYTES });
    }
    const bytes = await this.store.get(path);
    return parseJson(
      Buffer.from(bytes ?? []).toString("utf8"),
      z.record(z.string(), z.unknown()),
      reason => new AppError("FILE_MALFORMED", { path, expected: "a JSON object", reason }),
    );
  }
}
