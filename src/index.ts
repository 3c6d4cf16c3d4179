/** @file The public API: what a host needs to serve Vitrine from its own process. docs/embedding.md shows it in use. */
import { openDatabase as open, type Database as OpenedDatabase } from "./db/database.js";
import { createPlugin as create } from "./plugin/create-plugin.js";
import type { Database, DatabaseOptions, Plugin, PluginOptions } from "./public-types.js";

export { type Config, loadConfig } from "./config/config.js";
export {
  type ArtefactEntry,
  type ArtefactStore,
  FolderArtefactStore,
} from "./db/artefact-store.js";
export { AppError, type ErrorCode, errorCatalogue, errorCodes } from "./errors/app-error.js";
export type {
  GenerateOptions,
  GenerateProgress,
  GenerateRequest,
  ImageGenerator,
} from "./ml/diffusion/image-generator.js";
export type { ModerationStrategy } from "./ml/moderation/moderation-strategy.js";
export type { RgbImage } from "./ml/nn/rgb-image.js";
export type {
  ImageCondition,
  PersonalizationContext,
  PersonalizationMethod,
} from "./recsys/images/personalization-method.js";
export type { ImageViewer, PictureRanker, WhatIf } from "./recsys/ranking/picture-ranker.js";
export { createLogger } from "./plugin/create-logger.js";
export type { FederationOptions } from "./plugin/federate-schema.js";
export { limitRules, maxComplexity, maxTokens } from "./plugin/limit-rules.js";
export type {
  Caller,
  Database,
  DatabaseOptions,
  PersonalizeOptions,
  PersonalizeOutcome,
  Plugin,
  PluginOptions,
  PluginServices,
  RequestContext,
  Viewer,
} from "./public-types.js";

/**
 * Opens the database and brings its schema up to date.
 *
 * @throws AppError `DATABASE_UNREACHABLE`, `DATA_FOLDER_LOCKED`, `MIGRATION_CHANGED`, `MIGRATION_FAILED`
 */
export const openDatabase: (options: DatabaseOptions) => Promise<Database> = open;

/**
 * Everything a host needs to serve Vitrine: a schema, a context for each request, pictures, and the services behind them.
 *
 * @throws AppError when the model pack cannot be opened; `MODERATION_UNAVAILABLE`
 */
export const createPlugin: (options: PluginOptions) => Promise<Plugin> = options =>
  create({ ...options, db: options.db as OpenedDatabase }); // made by `openDatabase` above
