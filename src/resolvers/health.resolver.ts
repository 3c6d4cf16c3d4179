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
