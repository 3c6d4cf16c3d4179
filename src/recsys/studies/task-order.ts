/**
 * @file In which order a participant sees pairs, questions and images: counterbalanced by Williams squares, not only shuffled.
 *
 * E. Williams, "Experimental Designs Balanced for the Estimation of Residual Effects of Treatments", Australian Journal of
 * Scientific Research 1949.
 */
import type { StudyQuestion } from "../../db/rows.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import { methodsByMeaning } from "./study-methods.js";

/**
 * Rows of the numbers 0..n-1. Over all rows each number is equally often at each place, and each number follows each other
 * one equally often. Even `n`: n rows; odd `n`: 2n, the second half reversed.
 */
export function williamsSquare(n: number): number[][] {
  const first = Array.from({ length: n }, (_, place) =>
    place % 2 === 0 ? place / 2 : n - (place + 1) / 2,
  );
  const rows = Array.from({ length: n }, (_, shift) => first.map(value => (value + shift) % n));
  return n % 2 === 0 || n === 1 ? rows : [...rows, ...rows.map(row => row.toReversed())];
}

/** The order of `things` for the participant with this number: a row of the square over seeded labels. */
export function counterbalanced<Thing>(
  things: readonly Thing[],
  number: number,
  random: Random,
): Thing[] {
  if (things.length === 0) {
    return [];
  }
  const square = williamsSquare(things.length);
  const labelled = random.shuffled(things);
  return square[number % square.length].map(label => labelled[label]);
}

interface OrderedImage {
  id: string;
  role: "HISTORY" | "REFERENCE" | "CANDIDATE";
  methods: readonly string[];
}

interface OrderedPair {
  id: string;
  isCheck: boolean;
  images: readonly OrderedImage[];
}

/** One question about one pair. */
export interface StudyTask {
  pairId: string;
  question: StudyQuestion;
  /** The images to be sorted, in the order in which they are shown. */
  imageIds: string[];
}

/** The candidates that a question is about; none if there are fewer than two. */
export function candidatesOf(pair: OrderedPair, question: StudyQuestion): OrderedImage[] {
  const candidates = pair.images
    .filter(({ role }) => role === "CANDIDATE")
    .filter(
      ({ methods }) => question === "CLICK" || pair.isCheck || methodsByMeaning(methods).length > 0,
    );
  const isAsked = !pair.isCheck || question === "MEANING"; // nobody knows which one a user would rather click
  return isAsked && candidates.length > 1 ? candidates : [];
}

/**
 * All tasks of a participant, in order. Those with even numbers are asked about clicks first, the others about the meaning. A
 * pair that disappears later leaves the orders of the others' images as they were.
 */
export function tasksOf(
  study: { seed: number; pairs: readonly OrderedPair[] },
  number: number,
): StudyTask[] {
  const questions: StudyQuestion[] = ["CLICK", "MEANING"];
  if (number % 2 === 1) {
    questions.reverse();
  }
  const random = new Random(seedFrom("study", study.seed));
  const pairs = counterbalanced(study.pairs, number, random.fork("pairs"));
  return pairs.flatMap(pair =>
    questions.flatMap((question): StudyTask[] => {
      const candidates = candidatesOf(pair, question);
      if (candidates.length === 0) {
        return [];
      }
      const own = random.fork(`${pair.id} ${question}`);
      const turn = number + own.int(2 * candidates.length); // pairs do not all start at the same row
      const shown = counterbalanced(candidates, turn, own);
      return [{ pairId: pair.id, question, imageIds: shown.map(({ id }) => id) }];
    }),
  );
}
