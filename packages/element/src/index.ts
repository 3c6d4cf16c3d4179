/** @file `@vitrine/element`. */
export { defineVitrineImage, type ImageState, VitrineImage } from "./vitrine-image.js";
