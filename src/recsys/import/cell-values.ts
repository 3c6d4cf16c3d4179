/** @file Cells of a file as ids, texts and addresses. */
import { isStorable, UNSTORABLE_PROBLEM } from "../../db/storable-text.js";
import { ValueFault } from "../interactions/interaction-values.js";

/** Maximum UTF-16 units of each field. Ids are never truncated; the others are. */
export const maxLengths = {
  id: 200,
  title: 1_000,
  description: 20_000,
  category: 100,
  keyword: 100,
  attribution: 1_000,
  caption: 1_000,
} as const;

/** A shop's own id. A number must be an exact integer. @throws ValueFault */
export function idOf(cell: unknown): string {
  if (typeof cell === "number" && !Number.isSafeInteger(cell)) {
    throw new ValueFault("must be text or a whole number", cell);
  }
  if (typeof cell === "boolean") {
    throw new ValueFault("must be text or a whole number", cell);
  }
  const id = textOf(cell);
  if (id === "" || id.length > maxLengths.id) {
    throw new ValueFault(
      id === ""
        ? "is needed"
        : `must have at most ${maxLengths.id} characters, but has ${id.length}`,
    );
  }
  return id;
}

/** A cell as trimmed text. @throws ValueFault if it is not text, or Postgres cannot store it. */
export function textOf(cell: unknown): string {
  if (cell === null || cell === undefined) {
    return "";
  }
  if (!isScalar(cell)) {
    throw new ValueFault("must be text", cell);
  }
  const text = String(cell).trim();
  if (!isStorable(text)) {
    throw new ValueFault(UNSTORABLE_PROBLEM);
  }
  return text;
}

function isScalar(cell: unknown): cell is string | number | bigint | boolean {
  return ["string", "number", "bigint", "boolean"].includes(typeof cell);
}

/** A JSON image may be an object with its URL. */
export function addressOf(image: unknown): string {
  if (typeof image === "object" && image !== null) {
    const { src, url } = image as { src?: unknown; url?: unknown };
    return textOf(src ?? url);
  }
  return textOf(image);
}
