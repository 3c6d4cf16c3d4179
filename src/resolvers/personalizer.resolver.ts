import { Arg, Args, Authorized, ID, Mutation, Query, Resolver } from "type-graphql";
import type { PersonalizerVersionRow } from "../db/rows.js";
import { type Connection, PageArgs, pageComplexity } from "../schema/connection.js";
import {
  PersonalizerConnection,
  PersonalizerVersion,
} from "../schema/personalizer-version.type.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const versionList = KeysetList.byTime<PersonalizerVersionRow>("personalizers", byCreation);

@Resolver(() => PersonalizerVersion)
export class PersonalizerResolver {
  constructor(private readonly deps: Pick<ApiServices, "personalizers">) {}

  @Authorized("RECOMMENDER")
  @Query(() => PersonalizerConnection, {
    description: "All versions of the personalizer, newest first.",
    complexity: pageComplexity,
  })
  async personalizers(
    @Args(() => PageArgs) args: PageArgs,
  ): Promise<Connection<PersonalizerVersionRow>> {
    const page = versionList.request(args);
    return versionList.page(await this.deps.personalizers.findPage(page), args);
  }

  @Authorized("RECOMMENDER")
  @Mutation(() => PersonalizerVersion, {
    description:
      "Activates a version for generation. Fails with `PERSONALIZER_NOT_FOUND`, `PERSONALIZER_NOT_READY` or " +
      "`PERSONALIZER_MISMATCH`.",
  })
  activatePersonalizer(
    @Arg("id", () => ID, { description: "The version's UUID." }) id: string,
  ): Promise<PersonalizerVersionRow> {
    return this.deps.personalizers.activate(id);
  }

  @Authorized("RECOMMENDER")
  @Mutation(() => PersonalizerVersion, {
    description: "Activates the previously active version. Fails with `NOTHING_TO_ROLL_BACK`.",
  })
  rollbackPersonalizer(): Promise<PersonalizerVersionRow> {
    return this.deps.personalizers.rollback();
  }
}
