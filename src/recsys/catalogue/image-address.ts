/** @file Where a changed image comes from: an address that is fetched, or the file itself as a `data:` URL (RFC 2397). */
import { createHash } from "node:crypto";
import { z } from "zod";
import { defaultImageLimits } from "../../db/image-codec.js";
import { textField } from "../import/import-parts.js";

export interface ImageAddress {
  /** What is stored as the image's source: the URL; of a `data:` URL, which is long, the hash of its file. */
  source: string;
  /** The file, if the address contains it. */
  bytes: Uint8Array | null;
}

const DATA_URL = /^data:image\/[\w.+-]{1,100};base64,/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** Base64 has 4 characters for 3 bytes. */
const MAX_CHARACTERS = Math.ceil(defaultImageLimits.maxBytes / 3) * 4 + 200;

const embeddedField = z
  .string()
  .max(MAX_CHARACTERS)
  .transform((url, context): ImageAddress => {
    const data = url.slice(DATA_URL.exec(url)?.[0].length ?? url.length);
    if (!BASE64.test(data)) {
      context.addIssue({ code: "custom", message: "must be a base64 'data:' URL of an image" });
      return z.NEVER;
    }
    const bytes = Buffer.from(data, "base64");
    return { source: `data:sha256,${createHash("sha256").update(bytes).digest("hex")}`, bytes };
  });

const remoteField = textField(2_000)
  .min(1)
  .transform((source): ImageAddress => ({ source, bytes: null }));

/** The address of an image in a request. */
export const imageAddressField = z.string().transform((url, context): ImageAddress => {
  const field = /^data:/i.test(url) ? embeddedField : remoteField;
  const { data, error } = field.safeParse(url);
  if (error) {
    error.issues.forEach(({ message }) => context.addIssue({ code: "custom", message }));
    return z.NEVER;
  }
  return data;
});
