/** @file Checks what a caller set, or a file holds, against its schema. */
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

/** JSON as text, read. */
export const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: `is not JSON: ${String(error)}` });
    return z.NEVER;
  }
});

/** The checked value that `text` holds as JSON. @param malformed Makes the error of the faults. */
export function parseJson<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  malformed: (reason: string) => Error,
): z.output<Schema> {
  const parsed = jsonText.pipe(schema).safeParse(text);
  if (!parsed.success) {
    throw malformed(faultsOf(parsed.error));
  }
  return parsed.data;
}
