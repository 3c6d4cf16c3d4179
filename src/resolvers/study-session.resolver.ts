/** @file What participants of a study may call: nothing else of the shop is theirs to see. */
import { Ctx, ID, Mutation, Query, Resolver, Root } from "type-graphql";
import { requireParticipant } from "../recsys/access/viewer.js";
import type { Session, SessionTask } from "../recsys/studies/participation.service.js";
import {
  JoinStudyPayload,
  StudyAnswerInput,
  StudyInvitation,
  StudySession,
  StudyTask,
  StudyTaskImage,
} from "../schema/study-session.type.js";
import { requireViewer, type RequestContext } from "./context.js";
import { Argument, MutationFor, QueryFor, Resolved } from "./decorators.js";
import type { ApiServices } from "./services.js";

@Resolver(() => StudySession)
export class StudySessionResolver {
  constructor(private readonly participation: ApiServices["participation"]) {}

  @Query(() => StudyInvitation, {
    description:
      "What a study asks of participants. Needs no credentials but the study's id. Fails with `STUDY_NOT_FOUND`.",
  })
  studyInvitation(@Argument("studyId", ID, "The id in the link.") studyId: string) {
    return this.participation.invitation(studyId);
  }

  @Mutation(() => JoinStudyPayload, {
    description:
      "Joins a study. Needs no credentials but the study's id. Fails with `STUDY_NOT_FOUND`, `STUDY_CLOSED`, `STUDY_FULL` or " +
      "`TOO_MANY_REQUESTS`.",
  })
  async joinStudy(
    @Argument("studyId", ID, "The id in the link.") studyId: string,
  ): Promise<JoinStudyPayload> {
    return { token: await this.participation.join(studyId) };
  }

  @QueryFor(
    "PARTICIPANT",
    StudySession,
    "The participant's questions and their answers so far. Fails with `STUDY_CLOSED`.",
  )
  studySession(@Ctx() context: RequestContext): Promise<Session> {
    return this.participation.session(requireParticipant(requireViewer(context)));
  }

  @MutationFor(
    "PARTICIPANT",
    StudyTask,
    "Stores an answer. The same one again changes nothing, another one replaces it. Fails with `STUDY_PAIR_NOT_FOUND`, " +
      "`INVALID_ARGUMENT`, `STUDY_FINISHED` or `STUDY_CLOSED`.",
  )
  submitStudyAnswer(
    @Argument("input", StudyAnswerInput, "The answer.") input: StudyAnswerInput,
    @Ctx() context: RequestContext,
  ): Promise<SessionTask> {
    return this.participation.submit(requireParticipant(requireViewer(context)), input);
  }

  @MutationFor(
    "PARTICIPANT",
    StudySession,
    "Ends the participation, once every question is answered. Fails with `STUDY_UNFINISHED` or `STUDY_CLOSED`.",
  )
  async finishStudy(@Ctx() context: RequestContext): Promise<Session> {
    const participant = requireParticipant(requireViewer(context));
    await this.participation.finish(participant);
    return this.participation.session(participant);
  }
}

@Resolver(() => StudyTask)
export class StudyTaskResolver {
  constructor(private readonly publicUrl: string) {}

  @Resolved([StudyTaskImage], "The images to be sorted, in the order in which they are shown.")
  images(@Root() { imageIds }: SessionTask): StudyTaskImage[] {
    return imageIds.map(id => this.imageOf(id));
  }

  @Resolved([StudyTaskImage], "Items that the user chose.")
  history(@Root() { historyImageIds }: SessionTask): StudyTaskImage[] {
    return historyImageIds.map(id => this.imageOf(id));
  }

  @Resolved(StudyTaskImage, "The item's own image, with which the meaning is compared.")
  reference(@Root() { referenceImageId }: SessionTask): StudyTaskImage {
    return this.imageOf(referenceImageId);
  }

  private imageOf(id: string): StudyTaskImage {
    return { id, url: `${this.publicUrl}/images/${id}` };
  }
}
