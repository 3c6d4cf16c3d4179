import { Float, ID, Int, ObjectType } from "type-graphql";
import { Described, Nullable } from "./field.js";
import { Interval } from "./rank-change.type.js";
import { JsonObject } from "./scalars.js";

@ObjectType({ description: "One version's figures on held-out items, means over shoppers." })
export class ComparedVersion {
  @Described(ID, "The version's UUID.")
  versionId!: string;

  @Described(JsonObject, "By `<metric>@<cut-off>`, such as `recall@20`; fractions 0 to 1.")
  metrics!: object;

  @Nullable(Interval, "95 % bootstrap interval of the tested metric; null without shoppers.")
  interval95!: Interval | null;
}

@ObjectType({ description: "Two versions of the ranking model on the same held-out items." })
export class VersionComparison {
  @Described(String, "The tested metric, such as `ndcg@10`.")
  metric!: string;

  @Described(Int, "Shoppers with held-out items.")
  numUsers!: number;

  @Described([ComparedVersion], "In the order asked for.")
  versions!: ComparedVersion[];

  @Nullable(ID, "The version with the higher mean; null without shoppers.")
  better!: string | null;

  @Nullable(Float, "Mean of the better one's value minus the other's.")
  difference!: number | null;

  @Nullable(Interval, "95 % bootstrap interval of the difference.")
  difference95!: Interval | null;

  @Nullable(Float, "p of the paired bootstrap.")
  pValue!: number | null;

  @Nullable(Float, "p of Wilcoxon's signed-rank test.")
  wilcoxonPValue!: number | null;
}
