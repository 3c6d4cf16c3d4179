import { studyCsv } from "../../../../src/recsys/studies/study-csv.js";
import {
  ranksOfAnswer,
  type StudyAnswer,
  studyResults,
} from "../../../../src/recsys/studies/study-results.js";

const methods = ["ORIGINAL", "SERVED", "KEYWORDS"];
const finishedAt = new Date("2026-03-01");

/** Images are called by pair and method: `p1-SERVED`. */
function pairOf(id: string) {
  return {
    id,
    userId: `user of ${id}`,
    itemId: "=item, 1",
    isCheck: false,
    images: methods.map(method => ({
      id: `${id}-${method}`,
      role: "CANDIDATE" as const,
      methods: [method],
      isRight: false,
    })),
  };
}

const check = {
  id: "check",
  userId: "u",
  itemId: "i",
  isCheck: true,
  images: ["right", "wrong"].map(id => ({
    id,
    role: "CANDIDATE" as const,
    methods: [],
    isRight: id === "right",
  })),
};

/** The answers of a participant who has one order of methods for every pair. */
function answersOf(
  participantId: string,
  order: readonly string[],
  { passes = true, pairs = ["p1", "p2", "p3", "p4"] } = {},
): StudyAnswer[] {
  const sorted = (pairId: string, question: "CLICK" | "MEANING"): StudyAnswer => ({
    participantId,
    pairId,
    question,
    ranking: order
      .filter(method => question === "CLICK" || method !== "ORIGINAL")
      .map(method => `${pairId}-${method}`),
  });
  return [
    ...pairs.flatMap(pair => [sorted(pair, "CLICK"), sorted(pair, "MEANING")]),
    {
      participantId,
      pairId: "check",
      question: "MEANING",
      ranking: passes ? ["right", "wrong"] : ["wrong", "right"],
    },
  ];
}

const pairs = [...["p1", "p2", "p3", "p4"].map(pairOf), check];
const three = {
  methods,
  pairs,
  participants: ["x", "y", "z"].map(id => ({ id, finishedAt })),
  answers: [
    ...answersOf("x", ["SERVED", "ORIGINAL", "KEYWORDS"]),
    ...answersOf("y", ["SERVED", "KEYWORDS", "ORIGINAL"]),
    ...answersOf("z", ["ORIGINAL", "SERVED", "KEYWORDS"]),
  ],
};

describe("studyResults()", () => {
  it("gives exactly the expected table for three participants of known preferences on four pairs", () => {
    const { participants, questions } = studyResults(three, 1);
    expect(participants).toEqual({ joined: 3, finished: 3, failedChecks: 0, counted: 3 });
    const [click, meaning] = questions;
    expect(click.numAnswers).toBe(12);
    expect(click.methods.map(({ firstShare, meanRank, method }) => [method, meanRank, firstShare]))
      // ranks by participant: ORIGINAL 2 3 1, SERVED 1 1 2, KEYWORDS 3 2 3
      .toEqual([
        ["ORIGINAL", 2, 1 / 3],
        ["SERVED", 4 / 3, 2 / 3],
        ["KEYWORDS", 8 / 3, 0],
      ]);
    expect(click.methods[1].interval).toEqual([1, 2]);
    // SciPy: friedmanchisquare([2, 3, 1], [1, 1, 2], [3, 2, 3]) = 2.6667, p = 0.26360
    expect(click.friedman!.chiSquare).toBeAllclose(2.666666666666668);
    expect(click.friedman!.pValue).toBeAllclose(0.2635971381157267);
    expect(click.friedman!.concordance).toBeAllclose(0.4444444444444447);
    expect(click.pairAgreement).toBeAllclose(0.4444444444444447);
    // SciPy: wilcoxon([2, 3, 1], [1, 1, 2]) p = 0.75; ORIGINAL against KEYWORDS 0.75; SERVED against KEYWORDS 0.25
    expect(
      click.comparisons.map(({ better, holmPValue, pValue, worse }) => [
        better,
        worse,
        pValue,
        holmPValue,
      ]),
    ).toEqual([
      ["SERVED", "ORIGINAL", 0.75, 1],
      ["ORIGINAL", "KEYWORDS", 0.75, 1],
      ["SERVED", "KEYWORDS", 0.25, 0.75],
    ]);
    expect(meaning.methods.map(({ meanRank, method }) => [method, meanRank])).toEqual([
      ["SERVED", 1],
      ["KEYWORDS", 2],
    ]);
    expect(meaning.friedman!.concordance).toBe(1);
    expect(meaning.pairAgreement).toBe(1);
  });

  it("leaves out and counts who failed a check, and who has not finished", () => {
    const { participants, questions } = studyResults(
      {
        ...three,
        participants: [
          ...three.participants,
          { id: "careless", finishedAt },
          { id: "gone", finishedAt: null },
        ],
        answers: [
          ...three.answers,
          ...answersOf("careless", ["KEYWORDS", "ORIGINAL", "SERVED"], { passes: false }),
          ...answersOf("gone", ["KEYWORDS", "ORIGINAL", "SERVED"], { pairs: ["p1"] }),
        ],
      },
      1,
    );
    expect(participants).toEqual({ joined: 5, finished: 4, failedChecks: 1, counted: 3 });
    expect(questions).toEqual(studyResults(three, 1).questions);
  });

  it("leaves out the answers about a pair that was deleted", () => {
    const left = { ...three, pairs: pairs.slice(1) };
    expect(studyResults(left, 1).questions[0].numAnswers).toBe(9);
  });

  it("is empty without answers, and has no test with one participant", () => {
    const none = studyResults({ ...three, participants: [], answers: [] }, 1);
    expect(none.questions[0]).toEqual({
      question: "CLICK",
      numAnswers: 0,
      methods: [],
      friedman: null,
      pairAgreement: null,
      comparisons: [],
    });
    const [click] = studyResults(
      { ...three, participants: three.participants.slice(0, 1) },
      1,
    ).questions;
    expect(click.methods.map(({ interval, meanRank }) => [meanRank, interval])).toEqual([
      [2, null],
      [1, null],
      [3, null],
    ]);
    expect(click.friedman).toBeNull();
    expect(click.comparisons).toEqual([]);
  });

  it("gives the same intervals for the same seed", () => {
    const many = {
      ...three,
      participants: Array.from({ length: 9 }, (_, n) => ({ id: `p${n}`, finishedAt })),
      answers: Array.from({ length: 9 }, (_, n) =>
        answersOf(`p${n}`, [methods[n % 3], methods[(n + 1) % 3], methods[(n + 2) % 3]]),
      ).flat(),
    };
    const intervals = (seed: number) =>
      studyResults(many, seed).questions[0].methods.map(({ interval }) => interval);
    expect(intervals(1)).toEqual(intervals(1));
    expect(intervals(1)).not.toEqual(intervals(2));
  });
});

describe("ranksOfAnswer()", () => {
  const images = [
    { id: "same", role: "CANDIDATE" as const, methods: ["ORIGINAL", "SERVED"], isRight: false },
    { id: "other", role: "CANDIDATE" as const, methods: ["KEYWORDS"], isRight: false },
  ];

  it("shares the places of methods that made the same image", () => {
    expect(
      Object.fromEntries(ranksOfAnswer(images, { question: "CLICK", ranking: ["same", "other"] })),
    ).toEqual({ ORIGINAL: 1.5, SERVED: 1.5, KEYWORDS: 3 });
    expect(
      Object.fromEntries(ranksOfAnswer(images, { question: "CLICK", ranking: ["other", "same"] })),
    ).toEqual({ KEYWORDS: 1, ORIGINAL: 2.5, SERVED: 2.5 });
  });

  it("does not rank the catalogue image by its meaning", () => {
    expect(
      Object.fromEntries(
        ranksOfAnswer(images, { question: "MEANING", ranking: ["same", "other"] }),
      ),
    ).toEqual({ SERVED: 1, KEYWORDS: 2 });
  });
});

describe("studyCsv()", () => {
  it("has a row for each method of each answer, and no formulas", () => {
    const lines = studyCsv(three).split("\r\n");
    expect(lines[0]).toBe("participant,counted,question,pair,user_id,item_id,method,rank");
    expect(lines[1]).toBe(`x,true,CLICK,1,user of p1,"'=item, 1",SERVED,1`);
    expect(lines).toContain("x,true,MEANING,5,u,i,CHECK,1");
    expect(lines).toHaveLength(1 + 3 * (4 * (3 + 2) + 1) + 1);
  });
});
