/** @file `@vitrine/vendure-plugin`. */
export type { VitrinePluginOptions } from "./options";
export { VitrinePlugin } from "./plugin";
