/** @file The configuration: reads and validates the whole environment once. Nothing else reads `process.env`. */
import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { AppError } from "../errors/app-error.js";
import {
  feedbackFaults,
  type FeedbackRules,
  feedbackRules,
  feedbackSettings,
} from "./feedback-rules.js";
import {
  type GeneratorConfig,
  generatorConfig,
  generatorFaults,
  generatorSettings,
} from "./generator-settings.js";
import { defaultSeenRules, seenRulesSetting, type SeenRules } from "./seen-rules.js";

const flag = z
  .enum(["0", "1", "false", "true"])
  .transform(value => value === "1" || value === "true");
const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max));
/** A base URL to which paths are appended. */
const baseUrl = z
  .url({ protocol: /^https?$/ })
  .refine(url => !/[?#]/.test(url), "must have no query and no fragment");

/** The exact form that browsers send: other spellings would never match. */
const isOrigin = (text: string) =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;

/** The packs that come with the package. */
export const bundledPacks = ["mini", "studio"] as const;

export type BundledPack = (typeof bundledPacks)[number];

/** The folder of a bundled pack, relative to this file (`src/config` or `dist/config`). */
export function bundledPackFolder(name: BundledPack): string {
  return resolve(import.meta.dirname, "../../models", name);
}

/** Whether a pack of this name comes with the package. */
export function isBundledPack(name: string): name is BundledPack {
  return (bundledPacks as readonly string[]).includes(name);
}

const environment = z.object({
  /** URL of a Postgres; without it an embedded one lives in `VITRINE_HOME`. */
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must begin with postgresql://")
    .refine(url => URL.canParse(url), "must be a URL; encode special characters of the password")
    .optional(),
  /** Folder of all data; default `.vitrine` in the working directory. */
  VITRINE_HOME: z.string().min(1).default(".vitrine"),
  /** Address to listen on; default 127.0.0.1. */
  VITRINE_HOST: z
    .string()
    .refine(
      host => isIP(host) > 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host),
      "must be an address or a host name alone, such as 0.0.0.0",
    )
    .default("127.0.0.1"),
  /** Port to listen on; 0 takes a free one; default 4000. */
  VITRINE_PORT: wholeNumber(0, 65_535).default(4000),
  /** Public URL of the API, for image URLs; default: relative URLs. */
  VITRINE_PUBLIC_URL: baseUrl.optional(),
  /** Origins whose pages may call the API, separated by commas, as browsers send them; no `*`; default none. */
  VITRINE_CORS_ORIGINS: z
    .string()
    .default("")
    .transform(list => list.split(",").flatMap(origin => origin.trim() || []))
    .refine(origins => origins.every(isOrigin), {
      error: ({ input }) =>
        `must be origins such as https://shop.example, in small letters, without '*', a path, a slash at the end or the port that is the default, but got ${(input as string[]).filter(origin => !isOrigin(origin)).join(", ")}`,
    }),
  /** Secret of the shoppers' tokens (HS256), at least 32 characters; default: generated once and stored in `VITRINE_HOME`. */
  VITRINE_TOKEN_SECRET: z.string().min(32, "must have at least 32 characters").optional(),
  /**
   * The model pack: a bundled one's name, the name of one in the cache, a folder, or `auto` (`studio` for a catalogue of
   * photographs, `mini` for one of drawings); default auto.
   */
  VITRINE_MODELS: z.string().min(1).default("auto"),
  /** Folder of the packs that `vitrine models pull` fetches; default `models` in `VITRINE_HOME`. */
  VITRINE_MODEL_CACHE: z.string().min(1).optional(),
  /** A file of further packs, in the format of `models/packs.json`; default none. */
  VITRINE_PACKS: z.string().min(1).optional(),
  /** The hub that packs are fetched from; default Hugging Face. */
  VITRINE_HUB_URL: baseUrl.default("https://huggingface.co"),
  /** The hub's token for restricted repositories; default none. */
  VITRINE_HUB_TOKEN: z.string().min(1).optional(),
  /** Forbids every network fetch of packs and catalogue images; default 0. */
  VITRINE_OFFLINE: flag.default(false),
  /** Moderation of generated images: `none` or `nsfwjs`; default none. */
  VITRINE_MODERATION: z.enum(["none", "nsfwjs"]).default("none"),
  ...generatorSettings.shape,
  ...feedbackSettings.shape,
  /**
   * Source of captions for items without an imported one: `text` (title and category), `model` (the captioner) or `auto`
   * (the captioner's sentence where it agrees with the title); default auto.
   */
  VITRINE_CAPTIONS: z.enum(["text", "model", "auto"]).default("auto"),
  /**
   * Source of the keywords of items: `model` (the pack's language model; the deterministic extractor where its answer is
   * unusable) or `extractor`; default extractor, see docs/adr/0016.
   */
  VITRINE_KEYWORDS: z.enum(["model", "extractor"]).default("extractor"),
  /** Basis of a choice's weight in P^ret: `similarity` (the paper) or `similarity-and-strength`; default similarity. */
  VITRINE_PREFERENCE_WEIGHTS: z
    .enum(["similarity", "similarity-and-strength"])
    .default("similarity"),
  /** Days for which recommendations omit an item after a kind of interaction, such as `VIEW=0,CART=always`. */
  VITRINE_SEEN_DAYS: seenRulesSetting.optional(),
  /** Language of the shop's texts, ISO 639-1, or `auto`: `vitrine index` detects it from the titles; default auto. */
  VITRINE_LANGUAGE: z
    .string()
    .regex(/^([a-z]{2}|auto)$/, "must be two letters (ISO 639-1) or auto")
    .default("auto"),
  /**
   * How true an image must be to the catalogue image: `product`, `style`, `free`, or `auto`: product for a pack or a catalogue
   * of photographs, else by the catalogue image; default auto.
   */
  VITRINE_FIDELITY: z.enum(["auto", "product", "style", "free"]).default("auto"),
  /** Folder of the shop's own backdrops, for settings of the kind SCENE of photographs; default none. */
  VITRINE_BACKDROPS: z.string().min(1).optional(),
  /** Threads that render pictures; default 1. */
  VITRINE_RENDER_THREADS: wholeNumber(1, 64).default(1),
  /** Threads per image; default: the cores but one, divided among the render threads. */
  VITRINE_ONNX_THREADS: wholeNumber(1, 256).optional(),
  /** Daily limit of U-Net evaluations for one shopper's live requests; 0 for no limit; default 2,000. */
  VITRINE_USER_BUDGET: wholeNumber(0, 1_000_000_000).default(2_000),
  /** Daily limit of U-Net evaluations for one API key; 0 for no limit; default 200,000. */
  VITRINE_KEY_BUDGET: wholeNumber(0, 1_000_000_000).default(200_000),
  /** Daily limit of U-Net evaluations in total; 0 for no limit; default 0. */
  VITRINE_DAY_BUDGET: wholeNumber(0, 1_000_000_000).default(0),
  /** Maximum queue of images that shoppers wait for; default 200. */
  VITRINE_LIVE_QUEUE: wholeNumber(1, 1_000_000).default(200),
  /** Maximum queue of batch images (`startGeneration`); default 10,000. */
  VITRINE_BATCH_QUEUE: wholeNumber(1, 1_000_000).default(10_000),
  /** Whether the server also serves the pages `/admin` and `/study/<id>`; default 1. */
  VITRINE_PAGES: flag.default(true),
  /** Whether this process runs jobs beside the API; default 1. */
  VITRINE_RUN_JOBS: flag.default(true),
  /** `trace`, `debug`, `info`, `warn`, `error` or `silent`; default info. */
  VITRINE_LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info"),
});

const fidelities = { auto: null, product: "PRODUCT", style: "STYLE", free: "FREE" } as const;

export interface Config {
  readonly databaseUrl: string | null;
  /** Absolute path. */
  readonly home: string;
  readonly host: string;
  readonly port: number;
  /** Without a trailing slash; empty for relative URLs. */
  readonly publicUrl: string;
  readonly corsOrigins: readonly string[];
  readonly tokenSecret: string | null;
  /** Absolute path of the active model pack, which may be absent; null: the catalogue decides. */
  readonly modelsFolder: string | null;
  /** Absolute path of the folder of fetched packs. */
  readonly modelCache: string;
  /** Absolute path. */
  readonly packsFile: string | null;
  /** Without a trailing slash. */
  readonly hubUrl: string;
  readonly hubToken: string | null;
  readonly isOffline: boolean;
  readonly moderation: "none" | "nsfwjs";
  /** A generator on another machine; null: the model pack draws. */
  readonly generator: GeneratorConfig | null;
  /** Which interactions are choices, and their strengths. */
  readonly feedback: FeedbackRules;
  /** ISO 639-1; null: detected from the titles. */
  readonly language: string | null;
  readonly captions: "text" | "model" | "auto";
  readonly keywords: "model" | "extractor";
  readonly preferenceWeights: "similarity" | "similarity-and-strength";
  /** How true an image must be to the catalogue image, unless a request says it; null: by pack, catalogue and image. */
  readonly fidelity: "PRODUCT" | "STYLE" | "FREE" | null;
  /** Absolute path of the folder of the shop's own backdrops; null: none. */
  readonly backdropsFolder: string | null;
  /** What recommendations omit, unless a request overrides it. */
  readonly seen: SeenRules;
  readonly renderThreads: number;
  /** Threads per operator of all models but the generator. */
  readonly onnxThreads: number;
  /** Threads per operator of the generator, for each render thread. */
  readonly renderOnnxThreads: number;
  /** Daily generation limits and queue sizes; see `GenerationBudget`. */
  readonly budget: {
    readonly evaluationsPerUser: number;
    readonly evaluationsPerKey: number;
    readonly evaluationsPerDay: number;
    readonly maxLiveQueued: number;
    readonly maxBatchQueued: number;
  };
  /** Absolute path of the built pages, which may be absent; null: no pages. */
  readonly pagesFolder: string | null;
  readonly runJobs: boolean;
  readonly logLevel: string;
}

/**
 * The folder of a model pack: a bundled one or one in the cache by name, otherwise a path. An unknown name means the
 * cache, unless it is a folder here.
 */
export function modelPackFolder(nameOrFolder: string, modelCache: string): string {
  if (isBundledPack(nameOrFolder)) {
    return bundledPackFolder(nameOrFolder);
  }
  const cached = join(modelCache, nameOrFolder);
  const isName = /^[a-z0-9][a-z0-9-]*$/.test(nameOrFolder);
  return isName && (existsSync(cached) || !existsSync(nameOrFolder))
    ? cached
    : resolve(nameOrFolder);
}

/** The environment's configuration, frozen. @throws AppError `CONFIG_INVALID` with every fault. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = environment.safeParse(given);
  const unknown = Object.keys(given)
    .filter(name => name.startsWith("VITRINE_") && !(name in environment.shape))
    .map(name => `${name} is not a known setting`);
  const padded = Object.entries(given)
    .filter(([name, value]) => name in environment.shape && value !== value?.trim())
    .map(([name]) => `${name}: must not start or end with white space`);
  const faults = (parsed.error?.issues ?? []).map(
    ({ path, message }) => `${path.join(".")}: ${message}`,
  );
  faults.push(
    ...unknown,
    ...padded,
    ...(parsed.data ? [...feedbackFaults(parsed.data), ...generatorFaults(parsed.data)] : []),
  );
  if (!parsed.success || faults.length > 0) {
    throw new AppError("CONFIG_INVALID", { faults: faults.join("\n") });
  }
  const settings = parsed.data;
  const home = resolve(settings.VITRINE_HOME);
  const cores = Math.max(1, availableParallelism() - 1);
  const modelCache = resolve(settings.VITRINE_MODEL_CACHE ?? join(home, "models"));
  return Object.freeze({
    databaseUrl: settings.DATABASE_URL ?? null,
    home,
    host: settings.VITRINE_HOST,
    port: settings.VITRINE_PORT,
    publicUrl: settings.VITRINE_PUBLIC_URL?.replace(/\/+$/, "") ?? "",
    corsOrigins: settings.VITRINE_CORS_ORIGINS,
    tokenSecret: settings.VITRINE_TOKEN_SECRET ?? null,
    modelsFolder:
      settings.VITRINE_MODELS === "auto"
        ? null
        : modelPackFolder(settings.VITRINE_MODELS, modelCache),
    modelCache,
    packsFile: settings.VITRINE_PACKS ? resolve(settings.VITRINE_PACKS) : null,
    hubUrl: settings.VITRINE_HUB_URL.replace(/\/+$/, ""),
    hubToken: settings.VITRINE_HUB_TOKEN ?? null,
    isOffline: settings.VITRINE_OFFLINE,
    moderation: settings.VITRINE_MODERATION,
    generator: generatorConfig(settings),
    feedback: feedbackRules(settings),
    language: settings.VITRINE_LANGUAGE === "auto" ? null : settings.VITRINE_LANGUAGE,
    captions: settings.VITRINE_CAPTIONS,
    keywords: settings.VITRINE_KEYWORDS,
    preferenceWeights: settings.VITRINE_PREFERENCE_WEIGHTS,
    fidelity: fidelities[settings.VITRINE_FIDELITY],
    backdropsFolder: settings.VITRINE_BACKDROPS ? resolve(settings.VITRINE_BACKDROPS) : null,
    seen: settings.VITRINE_SEEN_DAYS ?? defaultSeenRules,
    renderThreads: settings.VITRINE_RENDER_THREADS,
    onnxThreads: settings.VITRINE_ONNX_THREADS ?? cores,
    renderOnnxThreads:
      settings.VITRINE_ONNX_THREADS ??
      Math.max(1, Math.floor(cores / settings.VITRINE_RENDER_THREADS)),
    budget: {
      evaluationsPerUser: settings.VITRINE_USER_BUDGET,
      evaluationsPerKey: settings.VITRINE_KEY_BUDGET,
      evaluationsPerDay: settings.VITRINE_DAY_BUDGET,
      maxLiveQueued: settings.VITRINE_LIVE_QUEUE,
      maxBatchQueued: settings.VITRINE_BATCH_QUEUE,
    },
    pagesFolder: settings.VITRINE_PAGES ? resolve(import.meta.dirname, "../../dist-web") : null,
    runJobs: settings.VITRINE_RUN_JOBS,
    logLevel: settings.VITRINE_LOG_LEVEL,
  });
}
