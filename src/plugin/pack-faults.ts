/** @file Parts of the model pack that could not be loaded, for `/ready`. */
import { AppError, type ErrorCode } from "../errors/app-error.js";

/** A file of the pack that is missing, damaged or no model. */
const PACK_CODES: readonly ErrorCode[] = [
  "FILE_MALFORMED",
  "FILE_NOT_FOUND",
  "MODEL_FILE_DAMAGED",
  "MODEL_FILE_MISSING",
  "MODEL_PACK_ABSENT",
  "MODEL_PACK_INVALID",
];

export class PackFaults {
  private readonly byPart = new Map<string, string>();

  /** A sentence for each part; empty if none failed when it was last used. */
  get messages(): readonly string[] {
    return [...this.byPart.values()];
  }

  /** Runs what needs a part, and remembers until its next success that a file of it is at fault. */
  async noting<Result>(part: string, run: () => Promise<Result>): Promise<Result> {
    try {
      const result = await run();
      this.byPart.delete(part);
      return result;
    } catch (error) {
      if (error instanceof AppError && PACK_CODES.includes(error.code)) {
        this.byPart.set(part, `the model pack's ${part} cannot be used: ${error.code}`);
      }
      throw error;
    }
  }
}
