/** @file The answers of a study as CSV (RFC 4180), one row for each method in each answer. */
import { type AnsweredStudy, countedParticipants, ranksOfAnswer } from "./study-results.js";

interface ExportedStudy extends AnsweredStudy {
  pairs: readonly (AnsweredStudy["pairs"][number] & { userId: string; itemId: string })[];
}

const columns = [
  "participant",
  "counted",
  "question",
  "pair",
  "user_id",
  "item_id",
  "method",
  "rank",
] as const;

/** Attention checks have no method: their rows say whether the right image is first (`CHECK`, rank 1) or not. */
export function studyCsv(study: ExportedStudy): string {
  const counted = countedParticipants(study);
  const pairs = new Map(study.pairs.map((pair, at) => [pair.id, { ...pair, number: at + 1 }]));
  const rows = study.answers.flatMap(answer => {
    const pair = pairs.get(answer.pairId);
    if (!pair) {
      return [];
    }
    const ranks = pair.isCheck
      ? [["CHECK", checkRank(pair.images, answer.ranking)] as const]
      : [...ranksOfAnswer(pair.images, answer)];
    return ranks.map(([method, rank]) => [
      answer.participantId,
      String(counted.has(answer.participantId)),
      answer.question,
      String(pair.number),
      pair.userId,
      pair.itemId,
      method,
      String(rank),
    ]);
  });
  return [columns, ...rows].map(row => `${row.map(csvCell).join(",")}\r\n`).join("");
}

function checkRank(
  images: readonly { id: string; isRight: boolean }[],
  ranking: readonly string[],
): number {
  return 1 + ranking.findIndex(id => images.some(image => image.id === id && image.isRight));
}

/** Quoted where needed. A leading sign that spreadsheets take for a formula gets an apostrophe before it (OWASP, CSV injection). */
function csvCell(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
