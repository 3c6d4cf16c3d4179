/** @file The names of methods and questions as people read them. */
import type { StudyMethod, StudyQuestion } from "../../api/admin-studies-studies";

export const methodNames: Readonly<Record<StudyMethod, string>> = {
  ORIGINAL: "Catalogue picture",
  SERVED: "As served",
  FIRST_CANDIDATE: "First candidate",
  KEYWORDS: "Keywords only",
  RETRIEVAL: "Retrieval only",
  PLAIN: "Untrained",
};

export const questionNames: Readonly<Record<StudyQuestion, string>> = {
  CLICK: "Which would this user rather click?",
  MEANING: "Which means the same as the reference?",
};
