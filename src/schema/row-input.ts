/** @file Inputs that are one of many rows. */
import "reflect-metadata"; // type-graphql requires it, although no metadata is emitted
import { Extensions } from "type-graphql";

/** The extension of a row's input type, by which the limits of a request know it under any name. */
export const rowInputExtension = "isRow";

/** An input type whose service checks each row alone: a row with a text that cannot be stored refuses no others. */
export function RowInput(): ClassDecorator {
  return Extensions({ [rowInputExtension]: true });
}
