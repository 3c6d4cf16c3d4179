import { Args, ID, Resolver } from "type-graphql";
import type { PersonalizerVersionRow } from "../db/rows.js";
import { PageArgs } from "../schema/connection.js";
import {
  PersonalizerConnection,
  PersonalizerVersion,
} from "../schema/personalizer-version.type.js";
import { Argument, ListQueryFor, MutationFor } from "./decorators.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const versionList = KeysetList.byTime<PersonalizerVersionRow>("personalizers", byCreation);

@Resolver(() => PersonalizerVersion)
export class PersonalizerResolver {
  constructor(private readonly deps: Pick<ApiServices, "personalizers">) {}

  @ListQueryFor(
    "RECOMMENDER",
    PersonalizerConnection,
    "All versions of the personalizer, newest first.",
  )
  async personalizers(@Args(() => PageArgs) args: PageArgs) {
    const page = versionList.request(args);
    return versionList.page(await this.deps.personalizers.findPage(page), args);
  }

  @MutationFor(
    "RECOMMENDER",
    PersonalizerVersion,
    "Activates a version for generation. Fails with `PERSONALIZER_NOT_FOUND`, `PERSONALIZER_NOT_READY` or " +
      "`PERSONALIZER_MISMATCH`.",
  )
  activatePersonalizer(@Argument("id", ID, "The version's UUID.") id: string) {
    return this.deps.personalizers.activate(id);
  }

  @MutationFor(
    "RECOMMENDER",
    PersonalizerVersion,
    "Activates the previously active version. Fails with `NOTHING_TO_ROLL_BACK`.",
  )
  rollbackPersonalizer(): Promise<PersonalizerVersionRow> {
    return this.deps.personalizers.rollback();
  }
}
