/** @file The name of a content: equal contents have equal hashes. */
import { createHash } from "node:crypto";

/** SHA-256 of the content as JSON, 64 hex digits; the order of fields counts. */
export function contentHash(content: unknown): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}
