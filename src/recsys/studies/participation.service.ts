/** @file Taking part in a study: join by the link, answer, finish. Nothing is known of a participant but a random id. */
import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";
import type {
  StudyAnswerRow,
  StudyParticipantRow,
  StudyQuestion,
  StudyRow,
} from "../../db/rows.js";
import type { StudiesRepository, StudyPairWithImages } from "../../db/studies.repository.js";
import type { StudyParticipantsRepository } from "../../db/study-participants.repository.js";
import { AppError } from "../../errors/app-error.js";
import { hashApiKey, newParticipantToken } from "../access/access.service.js";
import type { ParticipantViewer } from "../access/viewer.js";
import { type StudyTask, tasksOf } from "./task-order.js";

/** Per process: people who join one study in a minute, and requests of one participant in a minute. */
const JOINS_PER_MINUTE = 60;
const REQUESTS_PER_MINUTE = 240;

/** Seconds that the welcome page expects a task to take. */
const SECONDS_A_TASK = 20;

interface Dependencies {
  studies: Pick<StudiesRepository, "findById" | "findPairs">;
  participants: Pick<
    StudyParticipantsRepository,
    "findAnswers" | "findById" | "finish" | "join" | "saveAnswer"
  >;
  /** Default: as above. */
  joinsPerMinute?: number;
  /** Default: the clock. */
  now?: () => Date;
}

/** What somebody with the link learns before they join. */
export interface Invitation {
  title: string;
  isOpen: boolean;
  numTasks: number;
  minutes: number;
}

export interface SessionTask extends StudyTask {
  historyImageIds: string[];
  referenceImageId: string;
  /** What the participant answered, the best first; null before. */
  answer: string[] | null;
}

export interface Session {
  title: string;
  isFinished: boolean;
  tasks: SessionTask[];
}

export class ParticipationService {
  private readonly joins: RateLimiterMemory;
  private readonly requests: RateLimiterMemory;

  constructor(private readonly deps: Dependencies) {
    const { joinsPerMinute = JOINS_PER_MINUTE } = deps;
    this.joins = new RateLimiterMemory({ points: joinsPerMinute, duration: 60 });
    this.requests = new RateLimiterMemory({ points: REQUESTS_PER_MINUTE, duration: 60 });
  }

  /** @throws AppError `STUDY_NOT_FOUND` */
  async invitation(studyId: string): Promise<Invitation> {
    const study = await this.get(studyId);
    const pairs = await this.deps.studies.findPairs(study.id);
    const { length: numTasks } = tasksOf({ seed: study.seed, pairs }, 0);
    return {
      title: study.title,
      isOpen: study.closedAt === null,
      numTasks,
      minutes: Math.max(1, Math.round((numTasks * SECONDS_A_TASK) / 60)),
    };
  }

  /**
   * Adds a participant.
   *
   * @returns their token, which is not stored and cannot be shown again.
   * @throws AppError `STUDY_NOT_FOUND`, `STUDY_CLOSED`, `STUDY_FULL`, `TOO_MANY_REQUESTS`
   */
  async join(studyId: string): Promise<string> {
    const study = await this.get(studyId);
    await consume(this.joins, study.id);
    const token = newParticipantToken();
    const outcome = await this.deps.participants.join(study.id, hashApiKey(token));
    switch (outcome) {
      case "ABSENT":
        throw new AppError("STUDY_NOT_FOUND", { studyId });
      case "CLOSED":
        throw new AppError("STUDY_CLOSED");
      case "FULL":
        throw new AppError("STUDY_FULL", { max: study.maxParticipants });
      default:
        return token;
    }
  }

  /**
   * All tasks of a participant in their order, with the answers so far: what a page needs to begin, and to go on.
   *
   * @throws AppError `STUDY_CLOSED` if the study was closed before they finished; `TOO_MANY_REQUESTS`
   */
  async session(viewer: ParticipantViewer): Promise<Session> {
    const { pairs, participant, study, tasks } = await this.scene(viewer);
    const isFinished = participant.finishedAt !== null;
    if (study.closedAt !== null && !isFinished) {
      throw new AppError("STUDY_CLOSED");
    }
    const given = await this.deps.participants.findAnswers(participant.id);
    return {
      title: study.title,
      isFinished,
      tasks: isFinished ? [] : tasks.map(task => sessionTask(task, pairs, given)),
    };
  }

  /**
   * Stores how a participant sorted the images of a task. The same answer again changes nothing, another one replaces it.
   *
   * @param ranking ids of all images of the task, the best first
   * @throws AppError `STUDY_PAIR_NOT_FOUND`, `INVALID_ARGUMENT`, `STUDY_CLOSED`, `STUDY_FINISHED`, `TOO_MANY_REQUESTS`
   */
  async submit(
    viewer: ParticipantViewer,
    answer: { pairId: string; question: StudyQuestion; ranking: readonly string[] },
  ): Promise<SessionTask> {
    const { pairs, participant, study, tasks } = await this.scene(viewer);
    const { pairId, question } = answer;
    const ranking = [...answer.ranking];
    const task = tasks.find(own => own.pairId === pairId && own.question === question);
    if (!task) {
      throw new AppError("STUDY_PAIR_NOT_FOUND", { pairId });
    }
    if ([...ranking].sort().join() !== [...task.imageIds].sort().join()) {
      const problem = "must have each image of the task once";
      throw new AppError("INVALID_ARGUMENT", { argument: "ranking", problem });
    }
    const row = { participantId: participant.id, pairId, question, ranking };
    if (!(await this.deps.participants.saveAnswer(row))) {
      throw new AppError(study.closedAt === null ? "STUDY_FINISHED" : "STUDY_CLOSED");
    }
    return sessionTask(task, pairs, [row]);
  }

  /**
   * Ends the participation, once every task is answered. A second time changes nothing.
   *
   * @throws AppError `STUDY_UNFINISHED`, `STUDY_CLOSED`, `TOO_MANY_REQUESTS`
   */
  async finish(viewer: ParticipantViewer): Promise<void> {
    const { participant, study, tasks } = await this.scene(viewer);
    if (participant.finishedAt !== null) {
      return;
    }
    if (study.closedAt !== null) {
      throw new AppError("STUDY_CLOSED");
    }
    const given = await this.deps.participants.findAnswers(participant.id);
    const missing = tasks.filter(task => !answerOf(task, given)).length;
    if (missing > 0) {
      throw new AppError("STUDY_UNFINISHED", { missing });
    }
    await this.deps.participants.finish(participant.id, this.deps.now?.() ?? new Date());
  }

  private async get(studyId: string): Promise<StudyRow> {
    const study = await this.deps.studies.findById(studyId);
    if (!study) {
      throw new AppError("STUDY_NOT_FOUND", { studyId: studyId.slice(0, 100) });
    }
    return study;
  }

  private async scene({ participantId, studyId }: ParticipantViewer): Promise<{
    participant: StudyParticipantRow;
    study: StudyRow;
    pairs: readonly StudyPairWithImages[];
    tasks: StudyTask[];
  }> {
    await consume(this.requests, participantId);
    const [participant, study, pairs] = await Promise.all([
      this.deps.participants.findById(participantId),
      this.get(studyId),
      this.deps.studies.findPairs(studyId),
    ]);
    if (!participant) {
      throw new AppError("STUDY_TOKEN_INVALID"); // the study was deleted since
    }
    return { participant, study, pairs, tasks: tasksOf({ ...study, pairs }, participant.number) };
  }
}

type GivenAnswer = Pick<StudyAnswerRow, "pairId" | "question" | "ranking">;

function answerOf(task: StudyTask, given: readonly GivenAnswer[]): string[] | null {
  const own = given.find(
    ({ pairId, question }) => pairId === task.pairId && question === task.question,
  );
  return own?.ranking ?? null;
}

function sessionTask(
  task: StudyTask,
  pairs: readonly StudyPairWithImages[],
  given: readonly GivenAnswer[],
): SessionTask {
  const images = pairs.find(({ id }) => id === task.pairId)?.images ?? [];
  const idsOf = (wanted: string) =>
    images.filter(({ role }) => role === wanted).map(({ id }) => id);
  const [referenceImageId] = idsOf("REFERENCE");
  return {
    ...task,
    historyImageIds: idsOf("HISTORY"),
    referenceImageId,
    answer: answerOf(task, given),
  };
}

/** @throws AppError `TOO_MANY_REQUESTS` */
async function consume(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refused) {
    const { msBeforeNext } = refused as RateLimiterRes;
    const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
    throw new AppError("TOO_MANY_REQUESTS", { seconds });
  }
}
