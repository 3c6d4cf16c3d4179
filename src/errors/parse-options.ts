/** @file Checks what a caller set against its schema. */
import { z } from "zod";
import { AppError } from "./app-error.js";

/** Every fault that a schema found, in one line. */
export function faultsOf(error: z.ZodError): string {
  return z.prettifyError(error).replace(/\s*\n\s*/g, " ");
}

/** The checked value. @throws AppError INVALID_ARGUMENT about the argument `what`, naming every field at fault. */
export function parseOptions<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new AppError("INVALID_ARGUMENT", { argument: what, problem: faultsOf(parsed.error) });
  }
  return parsed.data;
}
