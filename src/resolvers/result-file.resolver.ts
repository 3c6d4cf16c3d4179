import { Resolver } from "type-graphql";
import { ResultFile } from "../schema/result-file.type.js";
import { JsonObject } from "../schema/scalars.js";
import { Argument, QueryFor } from "./decorators.js";
import type { ApiServices } from "./services.js";

@Resolver()
export class ResultFileResolver {
  constructor(private readonly deps: Pick<ApiServices, "resultFiles">) {}

  @QueryFor(
    "RECOMMENDER",
    [ResultFile],
    "Result files of experiments, by name: those that lie in `results` of `VITRINE_HOME`.",
  )
  resultFiles(): Promise<ResultFile[]> {
    return this.deps.resultFiles.list();
  }

  @QueryFor(
    "RECOMMENDER",
    JsonObject,
    "The content of a result file. Fails with `FILE_NOT_FOUND`, `FILE_MALFORMED` or `PAYLOAD_TOO_LARGE`.",
  )
  resultFile(
    @Argument("name", String, "Its name, without the ending.") name: string,
  ): Promise<Record<string, unknown>> {
    return this.deps.resultFiles.read(name);
  }
}
