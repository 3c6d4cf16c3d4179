/** @file Studies for the shop: the list, the results, and the end. */
import type { PageRequest } from "../../db/keyset.js";
import type { StudyRow } from "../../db/rows.js";
import type {
  StudiesRepository,
  StudyCounts,
  StudyPairWithImages,
  WholeStudy,
} from "../../db/studies.repository.js";
import { AppError } from "../../errors/app-error.js";
import { studyCsv } from "./study-csv.js";
import { type StudyResults, studyResults } from "./study-results.js";

interface Dependencies {
  studies: Pick<
    StudiesRepository,
    "close" | "countMany" | "findById" | "findPage" | "findPairs" | "findWhole"
  >;
  /** Default: the clock. */
  now?: () => Date;
}

/** A study with the numbers of its pairs and people. */
export type CountedStudy = StudyRow & {
  numPairs: number;
  numChecks: number;
  numParticipants: number;
  numFinished: number;
};

export class StudyService {
  constructor(private readonly deps: Dependencies) {}

  /** @throws AppError `STUDY_NOT_FOUND` */
  async get(studyId: string): Promise<CountedStudy> {
    const study = found(studyId, await this.deps.studies.findById(studyId));
    return (await this.counted([study]))[0];
  }

  /** Newest first. */
  async findPage(page: PageRequest<Date>): Promise<CountedStudy[]> {
    return this.counted(await this.deps.studies.findPage(page));
  }

  findPairs(studyId: string): Promise<StudyPairWithImages[]> {
    return this.deps.studies.findPairs(studyId);
  }

  /** @throws AppError `STUDY_NOT_FOUND` */
  async results(studyId: string, seed: number): Promise<StudyResults> {
    return studyResults(await this.whole(studyId), seed);
  }

  /** The answers, one row for each method in each. @throws AppError `STUDY_NOT_FOUND` */
  async csv(studyId: string): Promise<string> {
    return studyCsv(await this.whole(studyId));
  }

  /** Takes no more answers, and shows the images to nobody. @throws AppError `STUDY_NOT_FOUND` */
  async close(studyId: string): Promise<CountedStudy> {
    const now = this.deps.now?.() ?? new Date();
    const study = found(studyId, await this.deps.studies.close(studyId, now));
    return (await this.counted([study]))[0];
  }

  private async counted(studies: readonly StudyRow[]): Promise<CountedStudy[]> {
    const counts = await this.deps.studies.countMany(studies.map(({ id }) => id));
    return studies.map(study => {
      const { checks, finished, joined, pairs } = counts.get(study.id) ?? none;
      return {
        ...study,
        numPairs: pairs,
        numChecks: checks,
        numParticipants: joined,
        numFinished: finished,
      };
    });
  }

  private async whole(studyId: string): Promise<WholeStudy> {
    return found(studyId, await this.deps.studies.findWhole(studyId));
  }
}

const none: StudyCounts = { pairs: 0, checks: 0, joined: 0, finished: 0 };

function found<Row>(studyId: string, row: Row | null): Row {
  if (row === null) {
    throw new AppError("STUDY_NOT_FOUND", { studyId });
  }
  return row;
}
