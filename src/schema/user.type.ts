import { Float, ID, ObjectType } from "type-graphql";
import type { InteractionKind as InteractionKindRow, InteractionRow, UserRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { InteractionKind } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "A shopper." })
export class User implements UserRow {
  @Described(ID, "The shop's own id.")
  id!: string;

  @Described(Boolean, "Whether the shopper is simulated (the sticker demo) and not a person.")
  isSimulated!: boolean;

  @Nullable(DateTime, "When the shopper opted out of personalisation; null if they did not.")
  optedOutAt!: Date | null;

  @Described(DateTime, "When the shopper was first seen.")
  createdAt!: Date;
}

export const UserConnection = connectionType(User, "User");

@ObjectType({ description: "An interaction of a shopper with an item." })
export class Interaction implements Pick<InteractionRow, "kind" | "weight" | "occurredAt"> {
  @Described(InteractionKind, "Kind of the interaction.")
  kind!: InteractionKindRow;

  @Described(Float, "The value of a rating; otherwise a count or strength, usually 1.")
  weight!: number;

  @Described(DateTime, "When it happened.")
  occurredAt!: Date;
}

export const InteractionConnection = connectionType(Interaction, "Interaction");
