/** @file Random pairs of a user and an item that the user has not chosen. */
import type { Random } from "../../ml/nn/random.js";

/** Items tried for one user before the next one's turn. */
const MAX_TRIES = 5;

interface Sampling<Plan> {
  userIds: readonly string[];
  itemIds: readonly string[];
  numPairs: number;
  random: Random;
  /** Null for a pair that cannot be shown. */
  planOf: (userId: string, itemId: string) => Promise<Plan | null>;
}

/** Each user and each item at most once. Fewer than asked for, if no more can be shown. */
export async function sampledPairs<Plan>({
  itemIds,
  numPairs,
  planOf,
  random,
  userIds,
}: Sampling<Plan>): Promise<Plan[]> {
  const plans: Plan[] = [];
  const items = random.shuffled(itemIds);
  for (const userId of random.shuffled(userIds)) {
    for (let tried = 0; tried < MAX_TRIES && items.length > 0 && plans.length < numPairs; tried++) {
      const itemId = items.pop()!; // its length is checked
      const plan = await planOf(userId, itemId);
      if (plan) {
        plans.push(plan);
        break;
      }
      items.unshift(itemId); // another user may do
    }
    if (plans.length === numPairs) {
      break;
    }
  }
  return plans;
}
