import "reflect-metadata"; // type-graphql requires it, although no metadata is emitted
import { Query, Resolver } from "type-graphql";

@Resolver()
export class HealthResolver {
  @Query(() => String, {
    description: "`ok` while the API answers. The only field that needs no credentials.",
  })
  health(): string {
    return "ok";
  }
}
