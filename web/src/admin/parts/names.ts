/** @file The API's names as people read them. */

const names: Readonly<Record<string, string>> = {
  PERSONALIZE_IMAGE: "Personalised picture",
  IMPORT: "Import",
  INDEX: "Indexing",
  TRAIN_RANKER: "Ranking model's training",
  TRAIN_PERSONALIZER: "Personalizer's training",
  SCORE_IMAGES: "Scoring of pictures",
  RERANK: "Re-ranking",
  CREATE_STUDY: "Study's pictures",
  SHOWN: "Personalised picture shown",
  RANKED_LOWER: "Item ranks lower with it",
  BELOW_QUALITY_FLOOR: "Below the quality floor",
  MASK_IMPLAUSIBLE: "Product cannot be separated",
  NO_BETTER_VARIANT: "No better variant",
  REJECTED: "Rejected by an administrator",
};

/** A name of the API in words: `QUEUED` is "Queued". */
export function nameOf(value: string): string {
  const words = value.toLowerCase().replaceAll("_", " ");
  return names[value] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** The colour of a state's badge; dark enough for white text. */
export function colorOf(state: string): string {
  switch (state) {
    case "FAILED":
      return "red.9";
    case "SUCCEEDED":
    case "READY":
    case "COMPLETE":
      return "teal.9";
    case "RUNNING":
    case "TRAINING":
    case "STARTED":
      return "vitrine.8";
    default:
      return "gray.7";
  }
}
