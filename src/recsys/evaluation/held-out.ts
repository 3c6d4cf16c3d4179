/**
 * @file Identifies the question of an evaluation: users, held-out items, catalogue and masked items.
 *
 * Metrics and paired tests of two models are meaningful only if these are the same.
 */
import { AppError } from "../../errors/app-error.js";
import { contentHash } from "../../ml/content-hash.js";
import type { Split } from "./splits.js";

/** SHA-256 of each part of the question, by the ids of users and items. */
export interface HeldOut {
  /** Users with held-out items. */
  users: string;
  /** Held-out items by user. */
  items: string;
  /** Ranked items. */
  catalogue: string;
  /** Items that do not compete, by user. */
  masked: string;
}

export interface EvaluatedIds {
  userIds: readonly (string | number)[];
  itemIds: readonly (string | number)[];
}

/** In the order of comparison. */
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
    users: contentHash(users.map(({ id }) => id)),
    items: contentHash(users.map(({ index }) => ids(toFind[index]))),
    catalogue: contentHash(itemIds.map(String).sort()),
    masked: contentHash(users.map(({ index }) => masks.map(mask => ids(mask[index])))),
  };
}

/** @throws AppError NOT_COMPARABLE with the first two that differ, and how. */
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

/** SHA-256 of a split's parts: trainings with the same hash use the same items. */
export function splitHash(parts: Partial<Split>): string {
  return contentHash(
    Object.entries(parts).map(([part, users]) => [part, users.map(items => [...items])]),
  );
}
