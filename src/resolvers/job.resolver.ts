import { Args, Authorized, Ctx, ID, Int, Resolver, Root, Subscription } from "type-graphql";
import type { JobKind as JobKindRow, JobRow, JobState as JobStateRow } from "../db/rows.js";
import { assertMayFollow } from "../recsys/access/viewer.js";
import {
  type PersonalizeImageResult as JobResult,
  unfinishedReasons,
} from "../recsys/images/personalization.service.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { JobKind, JobState } from "../schema/enums.js";
import { Job, JobConnection } from "../schema/job.type.js";
import { PersonalizeImageResult } from "../schema/personalize-image.type.js";
import { requireViewer, type RequestContext } from "./context.js";
import {
  Argument,
  ListQueryFor,
  MutationFor,
  NullableResolved,
  OptionalArgument,
  QueryFor,
} from "./decorators.js";
import { imageUrl } from "./image-urls.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices, WatchedJob } from "./services.js";

const jobList = KeysetList.byTime<JobRow>("jobs", byCreation);

@Resolver(() => Job)
export class JobResolver {
  constructor(
    private readonly deps: Pick<ApiServices, "publicUrl"> & {
      jobs: Pick<ApiServices["jobs"], "get" | "cancel">;
      catalog: Pick<ApiServices["catalog"], "findJobPage">;
    },
  ) {}

  @QueryFor(
    "SHOPPER",
    Job,
    "A job. Shoppers see their own jobs, storefront keys those that generate pictures. Fails with `JOB_NOT_FOUND`.",
  )
  async job(@Argument("id", ID, "The job's UUID.") id: string, @Ctx() context: RequestContext) {
    const viewer = requireViewer(context);
    const job = await this.deps.jobs.get(id);
    assertMayFollow(viewer, job);
    return job;
  }

  @ListQueryFor("RECOMMENDER", JobConnection, "All jobs, newest first.")
  async jobs(
    @Args(() => PageArgs) args: PageArgs,
    @OptionalArgument("kind", JobKind, "Only of this kind; default all.")
    kind?: JobKindRow | null,
    @OptionalArgument("state", JobState, "Only in this state; default all.")
    state?: JobStateRow | null,
  ): Promise<Connection<JobRow>> {
    const page = jobList.request(args);
    return jobList.page(await this.deps.catalog.findJobPage({ kind, state }, page), args);
  }

  @MutationFor(
    "SHOPPER",
    Job,
    "Cancels a queued job at once and asks a running one to stop. Fails with `JOB_NOT_FOUND` or `JOB_NOT_CANCELLABLE`.",
  )
  async cancelJob(
    @Argument("id", ID, "The job's UUID.") id: string,
    @Ctx() context: RequestContext,
  ): Promise<JobRow> {
    await this.job(id, context);
    return this.deps.jobs.cancel(id);
  }

  @Authorized("SHOPPER")
  @Subscription(() => Job, {
    subscribe: ({ args, context }) =>
      (context as RequestContext).watchJob((args as { id: string }).id),
    description:
      "The job now and after every change, until it has ended. Fails with `JOB_NOT_FOUND`.",
  })
  jobProgress(@Argument("id", ID, "The job's UUID.") _id: string, @Root() job: WatchedJob) {
    return job;
  }

  @NullableResolved(
    Int,
    "Position among the queued jobs of its kind, 1 is next; null if it is not queued.",
  )
  async queuePosition(@Root() job: JobRow | WatchedJob, @Ctx() { loaders }: RequestContext) {
    if ("queuePosition" in job) {
      return job.queuePosition;
    }
    return job.state === "QUEUED" ? loaders.queuePosition.load(job.id) : null;
  }

  @NullableResolved(String, "URL of its newest preview picture; null without one.")
  previewUrl(@Root() { previewHash }: JobRow): string | null {
    return previewHash === null ? null : imageUrl(this.deps.publicUrl, previewHash);
  }

  @NullableResolved(
    PersonalizeImageResult,
    "The result of a PERSONALIZE_IMAGE job; null until it has ended, and for other kinds.",
  )
  async outcome(@Root() job: JobRow, @Ctx() { loaders }: RequestContext) {
    if (job.kind !== "PERSONALIZE_IMAGE" || job.itemId === null) {
      return null;
    }
    const result = job.result as JobResult | null;
    if (job.state === "SUCCEEDED" && result && "imageId" in result) {
      const image = await loaders.personalizedImage.load(result.imageId);
      return image && { kind: "image", image, cached: false };
    }
    const reason = reasonOf(job, result);
    const item = reason && (await loaders.item.load(job.itemId));
    const faults = result && "faults" in result ? result.faults : undefined;
    return item && { kind: "original", item, reason, faults };
  }
}

/** A running or queued job has no outcome yet. */
function reasonOf({ state }: JobRow, result: JobResult | null) {
  if (state === "FAILED" || state === "CANCELLED") {
    return unfinishedReasons[state];
  }
  return result && "originalReason" in result ? result.originalReason : null;
}
