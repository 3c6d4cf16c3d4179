/** @file The public API: what a host needs to serve Vitrine from its own process. */
export { type Config, loadConfig } from "./config/config.js";
export { type Database, type DatabaseOptions, openDatabase } from "./db/database.js";
export { AppError, type ErrorCode, errorCodes } from "./errors/app-error.js";
export type { ModerationStrategy } from "./ml/moderation/moderation-strategy.js";
export type { RgbImage } from "./ml/nn/rgb-image.js";
export { createLogger } from "./plugin/create-logger.js";
export { createPlugin, type Plugin, type PluginOptions } from "./plugin/create-plugin.js";
