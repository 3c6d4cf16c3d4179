import { randomUUID } from "node:crypto";
import { Arg, Args, Ctx, FieldResolver, ID, Int, Resolver, Root } from "type-graphql";
import type { BlobRow, ItemRow, JobRow, StudyImageRow } from "../db/rows.js";
import type { StudyPairWithImages } from "../db/studies.repository.js";
import type { CountedStudy } from "../recsys/studies/study.service.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { Image } from "../schema/image.type.js";
import { Item } from "../schema/item.type.js";
import { Job } from "../schema/job.type.js";
import {
  CreateStudyInput,
  Study,
  StudyConnection,
  StudyImage,
  StudyPair,
  StudyResults,
} from "../schema/study.type.js";
import type { RequestContext } from "./context.js";
import {
  Argument,
  ListQueryFor,
  MutationFor,
  NullableResolved,
  QueryFor,
  Resolved,
} from "./decorators.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const studyList = KeysetList.byTime<CountedStudy>("studies", byCreation);

@Resolver(() => Study)
export class StudyResolver {
  constructor(
    private readonly deps: Pick<ApiServices, "publicUrl" | "studies"> & {
      jobs: Pick<ApiServices["jobs"], "request">;
    },
  ) {}

  @ListQueryFor("RECOMMENDER", StudyConnection, "All studies, newest first.")
  async studies(@Args(() => PageArgs) args: PageArgs): Promise<Connection<CountedStudy>> {
    return studyList.page(await this.deps.studies.findPage(studyList.request(args)), args);
  }

  @QueryFor("RECOMMENDER", Study, "A study. Fails with `STUDY_NOT_FOUND`.")
  study(@Argument("id", ID, "The study's UUID.") id: string): Promise<CountedStudy> {
    return this.deps.studies.get(id);
  }

  @MutationFor(
    "RECOMMENDER",
    Job,
    "Creates a study: draws the images of all methods for all pairs. The job's result has `studyId`. Fails with " +
      "`INVALID_ARGUMENT`; the job fails with `STUDY_PAIR_UNUSABLE` if a pair cannot be shown.",
  )
  createStudy(
    @Argument("input", CreateStudyInput, "The study.") input: CreateStudyInput,
  ): Promise<JobRow> {
    const { maxParticipants, methods, numChecks, numPairs, pairs, seed, title } = input;
    return this.deps.jobs.request("CREATE_STUDY", {
      studyId: randomUUID(),
      title,
      methods,
      pairs: pairs?.map(pair => ({ ...pair })),
      numPairs: numPairs ?? undefined,
      numChecks: numChecks ?? undefined,
      maxParticipants: maxParticipants ?? undefined,
      seed: seed ?? undefined,
    });
  }

  @MutationFor(
    "RECOMMENDER",
    Study,
    "Closes a study permanently: it takes no more answers, and shows its images to nobody. Fails with `STUDY_NOT_FOUND`.",
  )
  closeStudy(@Argument("id", ID, "The study's UUID.") id: string): Promise<CountedStudy> {
    return this.deps.studies.close(id);
  }

  @Resolved(String, "Link for participants.")
  link(@Root() { id }: CountedStudy): string {
    return `${this.deps.publicUrl}/study/${id}`;
  }

  @FieldResolver(() => [StudyPair], {
    description: "Its pairs and attention checks.",
    complexity: ({ childComplexity }) => 20 * childComplexity,
  })
  pairs(@Root() { id }: CountedStudy): Promise<StudyPairWithImages[]> {
    return this.deps.studies.findPairs(id);
  }

  @FieldResolver(() => StudyResults, {
    description: "The results so far: mean ranks as in Table 3 of the paper, with tests.",
    complexity: 50,
  })
  async results(
    @Root() { id }: CountedStudy,
    @Arg("seed", () => Int, { defaultValue: 0, description: "Seed of the bootstrap." })
    seed = 0,
  ): Promise<StudyResults> {
    const { participants, questions } = await this.deps.studies.results(id, seed);
    return {
      participants,
      questions: questions.map(({ friedman, methods, ...question }) => ({
        ...question,
        friedman,
        kendallsW: friedman?.concordance ?? null,
        methods: methods.map(({ interval, ...rank }) => ({
          ...rank,
          interval95: interval && { low: interval[0], high: interval[1] },
        })),
      })) as StudyResults["questions"], // methods of a stored study are those of the enum
    };
  }

  @FieldResolver(() => String, {
    description: "All answers as CSV, one row for each method in each answer.",
    complexity: 50,
  })
  answersCsv(@Root() { id }: CountedStudy): Promise<string> {
    return this.deps.studies.csv(id);
  }
}

@Resolver(() => StudyPair)
export class StudyPairResolver {
  @NullableResolved(Item, "The item whose images are sorted.")
  item(
    @Root() { itemId }: StudyPairWithImages,
    @Ctx() { loaders }: RequestContext,
  ): Promise<ItemRow | null> {
    return loaders.item.load(itemId);
  }

  @Resolved([StudyImage], "History, reference and the images to be sorted.")
  images(@Root() { images }: StudyPairWithImages): StudyImageRow[] {
    return images;
  }
}

@Resolver(() => StudyImage)
export class StudyImageResolver {
  @NullableResolved(Image, "The file.")
  image(
    @Root() { blobHash }: StudyImageRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<BlobRow | null> {
    return loaders.blob.load(blobHash);
  }
}
