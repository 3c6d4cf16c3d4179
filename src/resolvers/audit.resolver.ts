import { Args, Resolver } from "type-graphql";
import type { AuditEntryRow } from "../db/rows.js";
import { AuditEntry, AuditEntryConnection, AuditFilterInput } from "../schema/audit.type.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { ListQueryFor, OptionalArgument } from "./decorators.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const auditList = KeysetList.byTime<AuditEntryRow>("auditLog", byCreation);

@Resolver(() => AuditEntry)
export class AuditResolver {
  constructor(private readonly deps: { audit: Pick<ApiServices["audit"], "findPage"> }) {}

  @ListQueryFor(
    "ADMIN",
    AuditEntryConnection,
    "Calls that changed, or tried to change, something for the shop as a whole; newest first.",
  )
  async auditLog(
    @Args(() => PageArgs) args: PageArgs,
    @OptionalArgument("filter", AuditFilterInput, "Filter; default all.")
    filter?: AuditFilterInput | null,
  ): Promise<Connection<AuditEntryRow>> {
    const page = auditList.request(args);
    return auditList.page(await this.deps.audit.findPage(filter ?? {}, page), args);
  }
}
