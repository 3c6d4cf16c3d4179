/** @file What a study compares: the images that one pair of a user and an item gets. */

export const studyMethods = [
  "ORIGINAL",
  "SERVED",
  "FIRST_CANDIDATE",
  "KEYWORDS",
  "RETRIEVAL",
  "PLAIN",
] as const;

export type StudyMethod = (typeof studyMethods)[number];

export const studyQuestions = ["CLICK", "MEANING"] as const;

/** Methods whose condition is a prompt; a generator that paints settings reads none. */
export const promptMethods: ReadonlySet<StudyMethod> = new Set(["KEYWORDS", "RETRIEVAL", "PLAIN"]);

/**
 * The methods that are sorted by meaning: the reference is shown beside them, so the catalogue image itself is left out, as in
 * Table 3 of the paper.
 */
export function methodsByMeaning(methods: readonly string[]): string[] {
  return methods.filter(method => method !== "ORIGINAL");
}
