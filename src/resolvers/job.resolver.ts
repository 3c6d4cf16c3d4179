import { Args, Authorized, Ctx, ID, Int, Resolver, Root, Subscription } from "type-graphql";
import type { ItemRow, JobRow } from "../db/rows.js";
import { assertMayFollow } from "../recsys/access/viewer.js";
import {
  type PersonalizeImageResult as JobResult,
  unfinishedReasons,
} from "../recsys/images/personalization.service.js";
import { type Connection } from "../schema/connection.js";
import { Item } from "../schema/item.type.js";
import { Job, JobConnection, JobListArgs } from "../schema/job.type.js";
import { PersonalizeImageResult } from "../schema/personalize-image.type.js";
import { requireViewer, type RequestContext } from "./context.js";
import { Argument, ListQueryFor, MutationFor, NullableResolved, QueryFor } from "./decorators.js";
import { imageUrl } from "./image-urls.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices, WatchedJob } from "./services.js";

const jobList = KeysetList.byTime<JobRow>("jobs", byCreation);

@Resolver(() => Job)
export class JobResolver {
  constructor(
    private readonly deps: Pick<ApiServices, "publicUrl"> & {
      jobs: Pick<ApiServices["jobs"], "get" | "cancel" | "retry">;
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
  async jobs(@Args(() => JobListArgs) args: JobListArgs): Promise<Connection<JobRow>> {
    const page = jobList.request(args);
    return jobList.page(await this.deps.catalog.findJobPage(args, page), args);
  }

  @MutationFor(
    "RECOMMENDER",
    Job,
    "Queues a job again that failed or was cancelled, as a new one; the one with the same work, if it is queued or running. " +
      "Fails with `JOB_NOT_FOUND` or `JOB_NOT_RETRYABLE`.",
  )
  retryJob(@Argument("id", ID, "The job's UUID.") id: string): Promise<JobRow> {
    return this.deps.jobs.retry(id);
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

  @NullableResolved(Item, "The item it is for; null if it is for none, or the item was deleted.")
  async item(
    @Root() { itemId }: JobRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<ItemRow | null> {
    return itemId === null ? null : loaders.item.load(itemId);
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
      if (!image || image.isServed) {
        return image && { kind: "image", image, cached: false };
      }
      const item = await loaders.item.load(job.itemId);
      return item && { kind: "original", item, reason: "REJECTED" };
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
