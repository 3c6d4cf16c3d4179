import { Float, ObjectType } from "type-graphql";
import type { KnownPack } from "../ml/packs/known-packs.js";
import { Described, Nullable } from "./field.js";

@ObjectType({
  description: "A model pack on this server: the generator, the encoder and other base models.",
})
export class ModelPack implements Pick<
  KnownPack,
  "name" | "version" | "sizeBytes" | "isInUse" | "fault"
> {
  @Described(String, "Its name.")
  name!: string;

  @Nullable(String, "Its version; null if it cannot be opened.")
  version!: string | null;

  @Described(String, "`bundled`, `cached` or `folder`.")
  where!: string;

  @Nullable(Float, "Size, bytes; null if unknown.")
  sizeBytes!: number | null;

  @Described([String], "Licences.")
  licenses!: string[];

  @Described([String], "The models that it has.")
  parts!: string[];

  @Described(Boolean, "Whether this server uses it.")
  isInUse!: boolean;

  @Nullable(String, "Why it cannot be opened; null if it can.")
  fault!: string | null;
}
