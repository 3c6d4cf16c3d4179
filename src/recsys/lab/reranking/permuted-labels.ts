/**
 * @file The permuted-labels test: each user is given the held-out items of another one. What a re-ranking gains then comes from
 * held-out items that leaked into images or models, or from chance, since nothing of the user's own taste leads to them.
 */
import { Random, seedFrom } from "../../../ml/nn/random.js";
import type { Split } from "../../evaluation/splits.js";

/** Without items of the user's train part, which do not compete. The users with held-out items exchange them, all of them. */
export function permutedHeldOut({ train, validation, test }: Split, seed: number): Split {
  const users = [...test.keys()].filter(user => test[user].length > 0);
  const order = new Random(seedFrom("permuted labels", seed)).shuffled(users);
  const giverOf = new Map(order.map((user, place) => [user, order[(place + 1) % order.length]]));
  const given = (part: readonly Int32Array[]) =>
    part.map((_, user) => {
      const own = new Set(train[user]);
      return part[giverOf.get(user) ?? user].filter(item => !own.has(item));
    });
  return { train, validation: given(validation), test: given(test) };
}
