/** @file Whether an item can be bought now, as shops write it. The table of docs/import.md is this. */
import { plainWord, ValueFault } from "../interactions/interaction-values.js";

/** Words without case, spaces, `-` and `_`. An item that can be ordered ahead can be bought. */
export const availabilityWords = {
  yes: [
    "true",
    "t",
    "yes",
    "y",
    "on",
    "available",
    "instock",
    "active",
    "enabled",
    "published",
    "limitedavailability",
    "preorder",
    "presale",
    "backorder",
    "onbackorder",
  ],
  no: [
    "false",
    "f",
    "no",
    "n",
    "off",
    "unavailable",
    "notavailable",
    "outofstock",
    "soldout",
    "inactive",
    "disabled",
    "draft",
    "archived",
    "unpublished",
    "hidden",
    "discontinued",
  ],
} as const;

const answers = new Map<string, boolean>([
  ...availabilityWords.yes.map(word => [word, true] as const),
  ...availabilityWords.no.map(word => [word, false] as const),
]);

/**
 * Null for an empty value, which says nothing. A number is a count: above 0 there is one to buy. A word of schema.org may
 * have its address before it.
 *
 * @throws ValueFault
 */
export function parseAvailability(given: unknown): boolean | null {
  if (typeof given === "boolean") {
    return given;
  }
  const text = ["string", "number", "bigint"].includes(typeof given) ? String(given).trim() : null;
  if (text === "" || given === null || given === undefined) {
    return null;
  }
  if (text !== null && /^[+-]?\d+(\.\d*)?$/.test(text)) {
    return Number(text) > 0;
  }
  const answer = answers.get(plainWord((text ?? "").replace(/^https?:\/\/schema\.org\//i, "")));
  if (answer === undefined) {
    const problem =
      "must be a count, or a word such as true, yes, in stock, preorder, false, no, out of stock, sold out, draft";
    throw new ValueFault(problem, given);
  }
  return answer;
}
