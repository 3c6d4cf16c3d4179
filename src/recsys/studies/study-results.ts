/**
 * @file What a study found, as Table 3 of the paper: the mean rank of each method, by question.
 *
 * A participant's value of a method is its mean rank over all pairs, so that the tests compare people, who are independent, and
 * not single answers of one person, which are not. Counted are participants who finished and passed all attention checks.
 */
import type { StudyQuestion } from "../../db/rows.js";
import { bootstrapInterval, DEFAULT_RESAMPLES, mean } from "../../ml/metrics/bootstrap.js";
import { holmAdjusted, wilcoxonSignedRank } from "../../ml/metrics/paired-tests.js";
import { type FriedmanTest, friedmanTest } from "../../ml/metrics/rank-agreement.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import { methodsByMeaning, studyQuestions } from "./study-methods.js";
import { candidatesOf } from "./task-order.js";

export interface AnsweredStudy {
  methods: readonly string[];
  pairs: readonly {
    id: string;
    isCheck: boolean;
    images: readonly {
      id: string;
      role: "HISTORY" | "REFERENCE" | "CANDIDATE";
      methods: readonly string[];
      isRight: boolean;
    }[];
  }[];
  participants: readonly { id: string; finishedAt: Date | null }[];
  answers: readonly StudyAnswer[];
}

export interface StudyAnswer {
  participantId: string;
  pairId: string;
  question: StudyQuestion;
  /** Ids of images, the best first. */
  ranking: readonly string[];
}

export interface MethodRank {
  method: string;
  /** 1 is best. */
  meanRank: number;
  /** 95 % bootstrap interval, which resamples participants; null for fewer than two. */
  interval: readonly [low: number, high: number] | null;
  /** Share of the answers with this method first, shared first places counting in part. */
  firstShare: number;
}

/** Two methods, the one with the lower mean rank first. */
export interface RankComparison {
  better: string;
  worse: string;
  /** Mean rank of the worse one minus that of the better one. */
  difference: number;
  /** Of Wilcoxon's signed-rank test over participants, before and after Holm's correction for all comparisons. */
  pValue: number;
  holmPValue: number;
}

export interface QuestionResults {
  question: StudyQuestion;
  /** Answers counted: participants times pairs. */
  numAnswers: number;
  /** In the order of the study's methods; none without counted answers. */
  methods: MethodRank[];
  /** Friedman's test over participants, with Kendall's W; null for fewer than two. */
  friedman: FriedmanTest | null;
  /** Mean over pairs of Kendall's W: how far participants sort the images of one pair alike. */
  pairAgreement: number | null;
  comparisons: RankComparison[];
}

export interface StudyResults {
  participants: {
    joined: number;
    /** Of those joined: they answered all. */
    finished: number;
    /** Of those finished: at least one attention check is wrong. */
    failedChecks: number;
    /** Finished, and no check is wrong. */
    counted: number;
  };
  questions: QuestionResults[];
}

export function studyResults(study: AnsweredStudy, seed: number): StudyResults {
  const { participants } = study;
  const finished = participants.filter(({ finishedAt }) => finishedAt !== null);
  const counted = countedParticipants(study);
  return {
    participants: {
      joined: participants.length,
      finished: finished.length,
      failedChecks: finished.length - counted.size,
      counted: counted.size,
    },
    questions: studyQuestions.map(question => questionResults(study, counted, question, seed)),
  };
}

/** Ids of the participants who finished and put the right image first in every attention check. */
export function countedParticipants({
  answers,
  pairs,
  participants,
}: AnsweredStudy): ReadonlySet<string> {
  const rightOf = new Map(
    pairs.flatMap(({ id, images, isCheck }) => {
      const right = images.find(({ isRight }) => isRight);
      return isCheck && right ? [[id, right.id] as const] : [];
    }),
  );
  const counted = new Set(
    participants.flatMap(({ finishedAt, id }) => (finishedAt === null ? [] : [id])),
  );
  for (const { pairId, participantId, ranking } of answers) {
    const right = rightOf.get(pairId);
    if (right !== undefined && ranking[0] !== right) {
      counted.delete(participantId);
    }
  }
  return counted;
}

/**
 * The rank of each method in an answer, from 1. Methods that made the same image share the mean of the places that they take
 * together. A method that the question does not ask about has none.
 */
export function ranksOfAnswer(
  images: AnsweredStudy["pairs"][number]["images"],
  { question, ranking }: Pick<StudyAnswer, "question" | "ranking">,
): Map<string, number> {
  const ranks = new Map<string, number>();
  let placed = 0;
  for (const imageId of ranking) {
    const all = images.find(({ id }) => id === imageId)?.methods ?? [];
    const methods = question === "MEANING" ? methodsByMeaning(all) : all;
    methods.forEach(method => ranks.set(method, placed + (methods.length + 1) / 2));
    placed += methods.length;
  }
  return ranks;
}

function questionResults(
  study: AnsweredStudy,
  counted: ReadonlySet<string>,
  question: StudyQuestion,
  seed: number,
): QuestionResults {
  const pairs = new Map(study.pairs.filter(({ isCheck }) => !isCheck).map(pair => [pair.id, pair]));
  const answers = study.answers.filter(
    answer =>
      answer.question === question && counted.has(answer.participantId) && pairs.has(answer.pairId),
  );
  const methods = question === "MEANING" ? methodsByMeaning(study.methods) : [...study.methods];
  const ranked = answers.map(answer => ({
    participantId: answer.participantId,
    ranks: ranksOfAnswer(pairs.get(answer.pairId)!.images, answer), // filtered above
  }));
  if (ranked.length === 0 || methods.length < 2) {
    return {
      question,
      numAnswers: 0,
      methods: [],
      friedman: null,
      pairAgreement: null,
      comparisons: [],
    };
  }
  const people = [...new Set(ranked.map(({ participantId }) => participantId))];
  /** Of each participant, the mean rank of each method; `[people, methods]`. */
  const values = people.map(person => {
    const own = ranked.filter(({ participantId }) => participantId === person);
    return methods.map(method => mean(own.map(({ ranks }) => ranks.get(method)!)));
  });
  const random = new Random(seedFrom("study results", seed));
  const columns = methods.map((_, at) => values.map(row => row[at]));
  return {
    question,
    numAnswers: ranked.length,
    methods: methods.map((method, at): MethodRank => ({
      method,
      meanRank: mean(columns[at]),
      interval:
        people.length < 2
          ? null
          : bootstrapInterval(columns[at], DEFAULT_RESAMPLES, random.fork(`${question} ${method}`)),
      firstShare: mean(ranked.map(({ ranks }) => shareOfFirst(ranks, method))),
    })),
    friedman: friedmanTest(values),
    pairAgreement: pairAgreement([...pairs.values()], answers, question),
    comparisons: people.length < 2 ? [] : comparisonsOf(methods, columns),
  };
}

/** 1 if the method alone is first; a share of it if it is first together with others. */
function shareOfFirst(ranks: ReadonlyMap<string, number>, method: string): number {
  const best = Math.min(...ranks.values());
  const first = [...ranks].filter(([, rank]) => rank === best);
  return first.some(([name]) => name === method) ? 1 / first.length : 0;
}

function comparisonsOf(methods: readonly string[], columns: readonly number[][]): RankComparison[] {
  const compared = methods.flatMap((method, at) =>
    methods.slice(at + 1).map((other, offset) => {
      const [own, others] = [columns[at], columns[at + 1 + offset]];
      const difference = mean(others) - mean(own);
      const [better, worse] = difference < 0 ? [other, method] : [method, other];
      const { pValue } = wilcoxonSignedRank(own, others);
      return { better, worse, difference: Math.abs(difference), pValue };
    }),
  );
  const adjusted = holmAdjusted(compared.map(({ pValue }) => pValue));
  return compared.map((comparison, at) => ({ ...comparison, holmPValue: adjusted[at] }));
}

/** Null without a pair that two participants sorted. */
function pairAgreement(
  pairs: AnsweredStudy["pairs"],
  answers: readonly StudyAnswer[],
  question: StudyQuestion,
): number | null {
  const agreements = pairs.flatMap(pair => {
    const images = candidatesOf(pair, question);
    const rankings = answers
      .filter(({ pairId }) => pairId === pair.id)
      .map(({ ranking }) => images.map(({ id }) => ranking.indexOf(id)));
    return friedmanTest(rankings)?.concordance ?? [];
  });
  return agreements.length > 0 ? mean(agreements) : null;
}
