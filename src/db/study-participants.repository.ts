/** @file Who takes part in a study: a number and the hash of a token. Nothing else is known of them. */
import { randomUUID } from "node:crypto";
import { type PrismaClient } from "./generated/client.js";
import { retryConflicts } from "./retry.js";
import type { BlobRow, StudyAnswerRow, StudyParticipantRow } from "./rows.js";
import { isUuid } from "./uuid.js";

export type JoinOutcome = StudyParticipantRow | "ABSENT" | "CLOSED" | "FULL";

export class StudyParticipantsRepository {
  constructor(private readonly prisma: PrismaClient) {}

  findByTokenHash(tokenHash: string): Promise<StudyParticipantRow | null> {
    return this.prisma.studyParticipant.findUnique({ where: { tokenHash } });
  }

  findById(id: string): Promise<StudyParticipantRow | null> {
    return this.prisma.studyParticipant.findUnique({ where: { id } });
  }

  /** Adds a participant with the next number. */
  join(studyId: string, tokenHash: string): Promise<JoinOutcome> {
    if (!isUuid(studyId)) {
      return Promise.resolve("ABSENT");
    }
    return retryConflicts(() =>
      this.prisma.$transaction(async transaction => {
        const [study] = await transaction.$queryRaw<{ isClosed: boolean; max: number }[]>`
          SELECT closed_at IS NOT NULL AS "isClosed", max_participants AS max FROM studies
          WHERE id = ${studyId}::uuid FOR UPDATE`;
        if (!(study as typeof study | undefined)) {
          return "ABSENT";
        }
        if (study.isClosed) {
          return "CLOSED";
        }
        const number = await transaction.studyParticipant.count({ where: { studyId } });
        if (number >= study.max) {
          return "FULL";
        }
        return transaction.studyParticipant.create({
          data: { id: randomUUID(), studyId, number, tokenHash },
        });
      }),
    );
  }

  findAnswers(participantId: string): Promise<StudyAnswerRow[]> {
    return this.prisma.studyAnswer.findMany({ where: { participantId } });
  }

  /**
   * Stores an answer, or replaces the one given before; the same answer twice is one.
   *
   * @returns false if the participant has finished, or the study is closed.
   */
  async saveAnswer(answer: Omit<StudyAnswerRow, "answeredAt">): Promise<boolean> {
    const { pairId, participantId, question, ranking } = answer;
    return retryConflicts(async () => {
      const numSaved = await this.prisma.$executeRaw`
        INSERT INTO study_answers (participant_id, pair_id, question, ranking)
        SELECT participant.id, ${pairId}::uuid, ${question}::study_question, ${ranking}::uuid[]
        FROM study_participants AS participant JOIN studies ON studies.id = participant.study_id
        WHERE participant.id = ${participantId}::uuid AND participant.finished_at IS NULL AND studies.closed_at IS NULL
        FOR SHARE
        ON CONFLICT (participant_id, pair_id, question)
        DO UPDATE SET ranking = excluded.ranking, answered_at = excluded.answered_at`;
      return numSaved > 0;
    });
  }

  /** Records that a participant has finished; a second time changes nothing. */
  async finish(id: string, now: Date): Promise<void> {
    await this.prisma.studyParticipant.updateMany({
      where: { id, finishedAt: null },
      data: { finishedAt: now },
    });
  }

  /** The file of a study's image; null if there is none, or its study is closed. */
  async findImage(id: string): Promise<BlobRow | null> {
    const image = isUuid(id)
      ? await this.prisma.studyImage.findUnique({
          where: { id, pair: { study: { closedAt: null } } },
          include: { blob: true },
        })
      : null;
    return image?.blob ?? null;
  }
}
