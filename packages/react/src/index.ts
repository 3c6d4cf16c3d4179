"use client";
/** @file `@vitrine/react`. */
export { PersonalizedImage, type PersonalizedImageProps } from "./personalized-image.js";
export { useVitrineClient, VitrineProvider } from "./provider.js";
export {
  type PersonalizedImageRequest,
  type PersonalizedImageState,
  usePersonalizedImage,
} from "./use-personalized-image.js";
export { type RecommendationsState, useRecommendations } from "./use-recommendations.js";
