import { Arg, Authorized, ID, Int, Query, Resolver } from "type-graphql";
import { HeldOutPart } from "../schema/enums.js";
import { ModelPack } from "../schema/model-pack.type.js";
import { VersionComparison } from "../schema/version-comparison.type.js";
import { Argument, QueryFor } from "./decorators.js";
import type { ApiServices } from "./services.js";

@Resolver()
export class ModelToolsResolver {
  constructor(private readonly deps: Pick<ApiServices, "packs" | "versionComparison">) {}

  @QueryFor("RECOMMENDER", [ModelPack], "The model packs on this server.")
  async modelPacks(): Promise<ModelPack[]> {
    const packs = await this.deps.packs();
    return packs.map(pack => ({
      ...pack,
      licenses: [...pack.licenses],
      parts: [...pack.parts],
    }));
  }

  @Authorized("RECOMMENDER")
  @Query(() => VersionComparison, {
    description:
      "Compares two versions of the ranking model on the items that their training held out, by paired tests over shoppers, as " +
      "`vitrine evaluate` does. It ranks the whole catalogue for every shopper, so it may take minutes. Fails with " +
      "`MODEL_VERSION_NOT_FOUND`, `RANKER_NOT_READY`, `RANKER_DATA_CHANGED` or `NOT_COMPARABLE`.",
    complexity: 500,
  })
  async compareRankingModels(
    @Argument("first", ID, "A version's UUID.") first: string,
    @Argument("second", ID, "Another version's UUID.") second: string,
    @Arg("on", () => HeldOutPart, {
      defaultValue: "TEST",
      description: "Which held-out items.",
    })
    on: HeldOutPart,
    @Arg("seed", () => Int, { defaultValue: 1, description: "Seed of intervals and tests." })
    seed: number,
  ): Promise<VersionComparison> {
    const part = on === "TEST" ? "test" : "validation";
    const compared = await this.deps.versionComparison.compare(first, second, { on: part, seed });
    const { metric, numUsers, test, versions } = compared;
    return {
      metric,
      numUsers,
      versions: versions.map(({ interval, ...version }) => ({
        ...version,
        interval95: interval && { low: interval[0], high: interval[1] },
      })),
      better: test?.better ?? null,
      difference: test?.difference ?? null,
      difference95: test && { low: test.interval[0], high: test.interval[1] },
      pValue: test?.pValue ?? null,
      wilcoxonPValue: test?.wilcoxonPValue ?? null,
    };
  }
}
