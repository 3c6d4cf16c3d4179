/** @file Statements that Postgres plans once per connection: planning takes longer than running a short one. */
import { createHash } from "node:crypto";

export interface Prepared {
  readonly name: string;
  readonly text: string;
}

/** @param text SQL with `$1`…; each text is prepared on every connection that runs it, so there must be few. */
export function prepared(text: string): Prepared {
  return { name: createHash("sha256").update(text).digest("hex").slice(0, 16), text };
}
