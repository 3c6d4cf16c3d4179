/** @file Parses whether an item can be bought now. docs/import.md has the same table. */
import { plainWord, ValueFault } from "../interactions/interaction-values.js";
import { type FieldCells, isEmpty } from "./field-map.js";

/** Words without case, spaces, `-` and `_`. An item on pre-order can be bought. */
const availabilityWords = {
  yes: `true t yes y on available instock active enabled published limitedavailability preorder presale backorder
    onbackorder`,
  no: `false f no n off unavailable notavailable outofstock soldout inactive disabled draft archived unpublished
    hidden discontinued`,
};

const answers = new Map(
  Object.entries(availabilityWords).flatMap(([answer, words]) =>
    words.split(/\s+/).map(word => [word, answer === "yes"] as const),
  ),
);

/**
 * Null for an empty value. A number is a stock count: above 0 is available. Accepts schema.org words with or without
 * their URL.
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

/** The cells, unavailable if one of `others` says so; the first unreadable one is kept as a fault. */
export function restricted(cells: FieldCells, others: readonly unknown[]): FieldCells {
  const said = [cells.available, ...others].filter(answer => !isEmpty(answer));
  const decisive = said.find(answer => !isYes(answer)) ?? said.at(0);
  return decisive === undefined ? cells : { ...cells, available: decisive };
}

/** Whether it says that something is available; an empty answer does. */
export function isYes(answer: unknown): boolean {
  try {
    return parseAvailability(answer) ?? true;
  } catch {
    return false; // kept, and reported when the item is read
  }
}
