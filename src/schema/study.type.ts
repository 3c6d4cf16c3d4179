import { Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import type { StudyRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { StudyImageRole, StudyMethod, StudyQuestion } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { Interval } from "./rank-change.type.js";
import { DateTime } from "./scalars.js";

@ObjectType({
  description:
    "A study: people sort the images of several methods, without knowing which is which.",
})
export class Study implements Omit<StudyRow, "methods"> {
  @Described(ID, "A UUID. Whoever knows it may take part.")
  id!: string;

  @Described(String, "What participants read above the study.")
  title!: string;

  @Described(Int, "Seed of the orders and of the images.")
  seed!: number;

  @Described([StudyMethod], "What is compared, in the order of the results.")
  methods!: StudyMethod[];

  @Described(String, "The generator that drew the images, `name@version`.")
  generator!: string;

  @Described(String, "The personalization method that was active then.")
  method!: string;

  @Described(Int, "Participants that may join.")
  maxParticipants!: number;

  @Described(DateTime, "When it was created.")
  createdAt!: Date;

  @Nullable(DateTime, "When it was closed; null while it takes answers.")
  closedAt!: Date | null;

  @Described(Int, "Pairs of a user and an item, without attention checks.")
  numPairs!: number;

  @Described(Int, "Attention checks.")
  numChecks!: number;

  @Described(Int, "People who joined.")
  numParticipants!: number;

  @Described(Int, "Of these, people who answered all.")
  numFinished!: number;
}

export const StudyConnection = connectionType(Study, "Study");

@ObjectType({ description: "The images of one item for one user, which are sorted together." })
export class StudyPair {
  @Described(ID, "A UUID.")
  id!: string;

  @Described(ID, "The user's id in the shop.")
  userId!: string;

  @Described(
    Boolean,
    "Whether it is an attention check: one image is the reference itself, and must be put first by its meaning.",
  )
  isCheck!: boolean;
}

@ObjectType({ description: "An image of a study." })
export class StudyImage {
  @Described(StudyImageRole, "What it is shown as.")
  role!: StudyImageRole;

  @Described([StudyMethod], "The methods that made this image; none for another role.")
  methods!: StudyMethod[];
}

@ObjectType({ description: "How many people count in the results of a study." })
export class StudyParticipants {
  @Described(Int, "People who joined.")
  joined!: number;

  @Described(Int, "Of these, people who answered all. The others are left out.")
  finished!: number;

  @Described(Int, "Of those who finished, people with a wrong attention check. They are left out.")
  failedChecks!: number;

  @Described(Int, "People whose answers count.")
  counted!: number;
}

@ObjectType({ description: "How high people put the images of a method." })
export class StudyMethodRank {
  @Described(StudyMethod, "The method.")
  method!: StudyMethod;

  @Described(Float, "Mean rank over people and pairs; 1 is best.")
  meanRank!: number;

  @Nullable(Interval, "95 % bootstrap interval; resamples people. Null for fewer than two.")
  interval95!: Interval | null;

  @Described(
    Float,
    "Share of the answers with this method first; shared first places count in part.",
  )
  firstShare!: number;
}

@ObjectType({ description: "Friedman's test: whether people prefer any method." })
export class FriedmanTest {
  @Described(Float, "The statistic, corrected for ties.")
  chiSquare!: number;

  @Described(Int, "Methods less one.")
  degreesOfFreedom!: number;

  @Described(Float, "p by the chi-square distribution, which is rough for fewer than ten people.")
  pValue!: number;
}

@ObjectType({ description: "Two methods, compared over the same people." })
export class StudyComparison {
  @Described(StudyMethod, "The method with the lower mean rank.")
  better!: StudyMethod;

  @Described(StudyMethod, "The other one.")
  worse!: StudyMethod;

  @Described(Float, "How much lower the mean rank is.")
  difference!: number;

  @Described(Float, "p of Wilcoxon's signed-rank test over people, exact up to 50.")
  pValue!: number;

  @Described(Float, "The same after Holm's correction for all comparisons of the question.")
  holmPValue!: number;
}

@ObjectType({ description: "What people answered to one question." })
export class StudyQuestionResults {
  @Described(StudyQuestion, "The question.")
  question!: StudyQuestion;

  @Described(Int, "Answers counted: people times pairs.")
  numAnswers!: number;

  @Described([StudyMethodRank], "Each method's ranks; empty without counted answers.")
  methods!: StudyMethodRank[];

  @Nullable(FriedmanTest, "Friedman's test over people; null for fewer than two.")
  friedman!: FriedmanTest | null;

  @Nullable(
    Float,
    "Kendall's W over people's mean ranks of the methods, 0 (no agreement) to 1; null for fewer than two.",
  )
  kendallsW!: number | null;

  @Nullable(
    Float,
    "Mean over pairs of Kendall's W: how far people sort the images of one pair alike; null for fewer than two.",
  )
  pairAgreement!: number | null;

  @Described([StudyComparison], "Every two methods; empty for fewer than two people.")
  comparisons!: StudyComparison[];
}

@ObjectType({ description: "The results of a study so far." })
export class StudyResults {
  @Described(StudyParticipants, "People, and those who are left out.")
  participants!: StudyParticipants;

  @Described([StudyQuestionResults], "By question.")
  questions!: StudyQuestionResults[];
}

@InputType({ description: "An item to be shown for a user." })
export class StudyPairInput {
  @Described(ID, "The user's id in the shop.")
  userId!: string;

  @Described(ID, "The item's id in the shop.")
  itemId!: string;

  @Field(() => Boolean, {
    defaultValue: false,
    description:
      "Whether the user agreed that participants see their history. Required for users who are not simulated.",
  })
  consent!: boolean;
}

@InputType({ description: "A study to create." })
export class CreateStudyInput {
  @Described(String, "What participants read above the study; 1 to 200 characters.")
  title!: string;

  @Described([StudyMethod], "What is compared: at least two methods.")
  methods!: StudyMethod[];

  @Nullable(
    [StudyPairInput],
    "The pairs, at most 60. Default: `numPairs` simulated users, each with an item that they have not chosen.",
  )
  pairs?: StudyPairInput[] | null;

  @Nullable(Int, "Pairs to draw if none are given, 1 to 60. Default: 10.")
  numPairs?: number | null;

  @Nullable(Int, "Attention checks, 0 to 10. Default: 2.")
  numChecks?: number | null;

  @Nullable(Int, "Participants that may join, 1 to 1000. Default: 100.")
  maxParticipants?: number | null;

  @Nullable(Int, "Seed of the pairs, the orders and the images. Default: 1.")
  seed?: number | null;
}
