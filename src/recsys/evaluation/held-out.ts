/**
 * @file Which question an evaluation asks: whose items are to be found, which ones, in which catalogue, with which masked.
 *
 * Figures of two models are comparable, and a paired test of them means something, only where the question is the same.
 */
import { createHash } from "node:crypto";
import { AppError } from "../../errors/app-error.js";
import type { Split } from "./splits.js";

/** SHA-256 of each part of the question, by the ids of users and items. */
export interface HeldOut {
  /** The users who have items to find. */
  users: string;
  /** The items to find, by user. */
  items: string;
  /** The items that are ranked. */
  catalogue: string;
  /** The items that do not compete, by user. */
  masked: string;
}

export interface EvaluatedIds {
  userIds: readonly (string | number)[];
  itemIds: readonly (string | number)[];
}

/** Named in the order in which they are looked at. */
const differences: Readonly<Record<keyof HeldOut, string>> = {
  users: "they hold out items of different users",
  items: "they hold out different items",
  catalogue: "they rank different catalogues",
  masked: "they were trained on different choices",
};

export function heldOutOf(
  { userIds, itemIds }: EvaluatedIds,
  { train, validation, ...split }: Split,
  part: "validation" | "test",
): HeldOut {
  const toFind = part === "test" ? split.test : validation;
  const users = userIds
    .map((id, index) => ({ id: String(id), index }))
    .filter(({ index }) => toFind[index].length > 0)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const ids = (items: Int32Array) => Array.from(items, item => String(itemIds[item])).sort();
  const masks = part === "test" ? [train, validation] : [train];
  return {
    users: hashOf(users.map(({ id }) => id)),
    items: hashOf(users.map(({ index }) => ids(toFind[index]))),
    catalogue: hashOf(itemIds.map(String).sort()),
    masked: hashOf(users.map(({ index }) => masks.map(mask => ids(mask[index])))),
  };
}

/** @throws AppError NOT_COMPARABLE, naming the first two that differ and in what. */
export function assertComparable(models: readonly { name: string; heldOut: HeldOut }[]): void {
  for (const { name, heldOut } of models.slice(1)) {
    const [first] = models;
    const parts = Object.keys(differences) as (keyof HeldOut)[];
    const part = parts.find(key => heldOut[key] !== first.heldOut[key]);
    if (part) {
      const reason = differences[part];
      throw new AppError("NOT_COMPARABLE", { first: first.name, second: name, reason });
    }
  }
}

/** SHA-256 of a split's parts: two trainings with the same one learn from the same items. */
export function splitHash(parts: Partial<Split>): string {
  return hashOf(
    Object.entries(parts).map(([part, users]) => [part, users.map(items => [...items])]),
  );
}

function hashOf(content: unknown): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}
