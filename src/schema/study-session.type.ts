import { ID, InputType, Int, ObjectType } from "type-graphql";
import { StudyQuestion } from "./enums.js";
import { Described, Nullable } from "./field.js";

@ObjectType({ description: "What somebody with the link of a study learns before joining." })
export class StudyInvitation {
  @Described(String, "The study's title.")
  title!: string;

  @Described(Boolean, "Whether it takes answers.")
  isOpen!: boolean;

  @Described(Int, "Questions that a participant answers.")
  numTasks!: number;

  @Described(Int, "Minutes that this takes, roughly.")
  minutes!: number;
}

@ObjectType({ description: "A new participant. Nothing is known of them." })
export class JoinStudyPayload {
  @Described(
    String,
    "Send it as `Authorization: Bearer <token>`. It is shown only once, and works for this study only.",
  )
  token!: string;
}

@ObjectType({
  description: "An image as participants see it: its address says nothing about its method.",
})
export class StudyTaskImage {
  @Described(ID, "A UUID.")
  id!: string;

  @Described(String, "URL of the image, as long as the study is open.")
  url!: string;
}

@ObjectType({ description: "One question about the images of one item for one user." })
export class StudyTask {
  @Described(ID, "A UUID; the two questions about an item share it.")
  pairId!: string;

  @Described(StudyQuestion, "What is asked.")
  question!: StudyQuestion;

  @Nullable([ID], "Ids of the images as the participant sorted them, the best first; null before.")
  answer!: string[] | null;
}

@ObjectType({ description: "A participant's study: what is needed to begin it, and to go on." })
export class StudySession {
  @Described(String, "The study's title.")
  title!: string;

  @Described(Boolean, "Whether the participant has finished.")
  isFinished!: boolean;

  @Described([StudyTask], "All questions in this participant's order; empty when finished.")
  tasks!: StudyTask[];
}

@InputType({ description: "An answer to a question of a study." })
export class StudyAnswerInput {
  @Described(ID, "The task's pair.")
  pairId!: string;

  @Described(StudyQuestion, "The task's question.")
  question!: StudyQuestion;

  @Described([ID], "Ids of all images of the task, the best first.")
  ranking!: string[];
}
