/** @file Access control: each field names the lowest level that may call it. */
import type { AuthCheckerFn } from "type-graphql";
import { type AccessLevel, assertReaches } from "../recsys/access/viewer.js";
import { requireViewer, type RequestContext } from "../resolvers/context.js";

/** Grants, or says why not. The roles of `@Authorized` are one level; whose rows may be seen is the resolvers' matter. */
export const checkAccess: AuthCheckerFn<RequestContext, AccessLevel> = ({ context }, levels) => {
  const viewer = requireViewer(context);
  for (const level of levels) {
    assertReaches(viewer, level);
  }
  return true;
};
