/** @file `@vitrine/client`. */
export { type ClientOptions, type PersonalizeImageCall, VitrineClient } from "./client.js";
export { type ImageSize, imageSrcSet, imageUrl, servedWidths } from "./image-url.js";
export type {
  Interaction,
  PersonalizedResult,
  Progress,
  Recommendations,
  SizedImage,
} from "./results.js";
export type { Credentials } from "./transport.js";
export type { TypedDocument } from "./typed-document.js";
export { VitrineError } from "./vitrine-error.js";
