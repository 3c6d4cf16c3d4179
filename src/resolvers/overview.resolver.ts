import { Resolver } from "type-graphql";
import type { Overview as OverviewRow } from "../db/overview.repository.js";
import { Overview } from "../schema/overview.type.js";
import { DateTime } from "../schema/scalars.js";
import { Argument, QueryFor } from "./decorators.js";
import type { ApiServices } from "./services.js";

@Resolver()
export class OverviewResolver {
  constructor(private readonly deps: Pick<ApiServices, "overview">) {}

  @QueryFor("RECOMMENDER", Overview, "The shop in numbers.")
  overview(
    @Argument("since", DateTime, "From when on failed jobs and decided requests count.")
    since: Date,
  ): Promise<OverviewRow> {
    return this.deps.overview.read(since);
  }
}
