/** @file The settings of a generator on another machine: which one, where, and how it is asked. */
import { z } from "zod";

/** What a Cog server is sent; each under the model's own name, or not at all. */
export const editInputs = ["prompt", "image", "mask", "seed", "width", "height"] as const;
export type EditInput = (typeof editInputs)[number];

export interface GeneratorConfig {
  readonly kind: "openai" | "cog";
  /** Without a trailing slash. */
  readonly url: string;
  readonly key: string | null;
  /** Null: the server has one model. */
  readonly model: string | null;
  /** Sizes that it draws, in pixels; null: any. */
  readonly sizes: readonly { widthPixels: number; heightPixels: number }[] | null;
  /** The model's own names of inputs; null: not sent. */
  readonly inputs: Partial<Record<EditInput, string | null>>;
  readonly timeoutMs: number;
  /** What an image counts as in the budgets. */
  readonly evaluationsAnImage: number;
}

const OPENAI_URL = "https://api.openai.com/v1";
const REPLICATE_URL = "https://api.replicate.com/v1";
const OPENAI_MODEL = "gpt-image-1";
/** Those of OpenAI's image models. */
const OPENAI_SIZES = "1024x1024,1536x1024,1024x1536";

const sizes = z
  .string()
  .regex(
    /^(any|\d{2,4}x\d{2,4}(,\d{2,4}x\d{2,4})*)$/,
    "must be sizes such as 1024x1024,1536x1024, or any",
  )
  .transform(text => (text === "any" ? null : text.split(",").map(sizeOf)));

const inputs = z
  .string()
  .transform(text => text.split(",").map(pair => pair.split("=").map(word => word.trim())))
  .refine(pairs => pairs.every(pair => pair.length === 2 && /^\w*$/.test(pair[1])), {
    error: "must be pairs such as image=input_image,seed=",
  })
  .transform(pairs => Object.fromEntries(pairs.map(([ours, theirs]) => [ours, theirs || null])))
  .pipe(z.partialRecord(z.enum(editInputs), z.string().nullable()));

/** The environment settings. */
export const generatorSettings = z.object({
  /** What draws images: `pack` (the model pack), or a server that speaks `openai`'s or `cog`'s protocol; default pack. */
  VITRINE_GENERATOR: z.enum(["pack", "openai", "cog"]).default("pack"),
  /** Base URL of the server; default OpenAI's, and Replicate's for `cog` with a model. */
  VITRINE_GENERATOR_URL: z
    .url({ protocol: /^https?$/ })
    .refine(url => !/[?#]/.test(url), "must have no query and no fragment")
    .refine(url => !URL.canParse(url) || new URL(url).username === "", {
      error: "must have no user and no password: VITRINE_GENERATOR_KEY is the key",
    })
    .optional(),
  /** The server's key, sent to that server only; default none. */
  VITRINE_GENERATOR_KEY: z
    .string()
    .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")
    .optional(),
  /** The server's model; default `gpt-image-1` for `openai`. */
  VITRINE_GENERATOR_MODEL: z
    .string()
    .regex(/^[\w.:/-]+$/, "must be the name of a model")
    .optional(),
  /** Sizes that the server draws, such as `1024x1024,1536x1024`, or `any`; default OpenAI's, and any for `cog`. */
  VITRINE_GENERATOR_SIZES: sizes.optional(),
  /** A Cog model's own names of inputs, such as `image=input_image,seed=`; an empty name is not sent; default none. */
  VITRINE_GENERATOR_INPUTS: inputs.optional(),
  /** Seconds that one request may take, 1..600; default 120. */
  VITRINE_GENERATOR_TIMEOUT: z.coerce.number().int().min(1).max(600).default(120),
  /** U-Net evaluations that one of its images counts as in the budgets; default 20. */
  VITRINE_GENERATOR_COST: z.coerce.number().int().min(1).max(1_000_000).default(20),
});

export type GeneratorSettings = z.infer<typeof generatorSettings>;

/** The generator of these settings; null: the model pack. */
export function generatorConfig(settings: GeneratorSettings): GeneratorConfig | null {
  const kind = settings.VITRINE_GENERATOR;
  const url = urlOf(settings);
  if (kind === "pack" || url === null) {
    return null;
  }
  const isOpenAi = kind === "openai";
  const given = settings.VITRINE_GENERATOR_SIZES;
  const usual = isOpenAi ? OPENAI_SIZES.split(",").map(sizeOf) : null;
  return Object.freeze({
    kind,
    url: url.replace(/\/+$/, ""),
    key: settings.VITRINE_GENERATOR_KEY ?? null,
    model: settings.VITRINE_GENERATOR_MODEL ?? (isOpenAi ? OPENAI_MODEL : null),
    sizes: given === undefined ? usual : given,
    inputs: settings.VITRINE_GENERATOR_INPUTS ?? {},
    timeoutMs: 1_000 * settings.VITRINE_GENERATOR_TIMEOUT,
    evaluationsAnImage: settings.VITRINE_GENERATOR_COST,
  });
}

/** Faults of the combination of settings. */
export function generatorFaults(
  settings: GeneratorSettings & { VITRINE_OFFLINE: boolean },
): string[] {
  const { VITRINE_GENERATOR: kind, VITRINE_OFFLINE: isOffline } = settings;
  if (kind === "pack") {
    return [];
  }
  const url = urlOf(settings);
  if (url === null) {
    return ["VITRINE_GENERATOR_URL: is needed for a Cog server without VITRINE_GENERATOR_MODEL"];
  }
  return isOffline && !isLoopback(url)
    ? [
        "VITRINE_GENERATOR_URL: must be on this machine, because VITRINE_OFFLINE forbids the network",
      ]
    : [];
}

function urlOf({
  VITRINE_GENERATOR: kind,
  VITRINE_GENERATOR_MODEL: model,
  VITRINE_GENERATOR_URL: url,
}: GeneratorSettings): string | null {
  const usual = kind === "openai" ? OPENAI_URL : model === undefined ? null : REPLICATE_URL;
  return url ?? usual;
}

function isLoopback(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

function sizeOf(text: string) {
  const [widthPixels, heightPixels] = text.split("x").map(Number);
  return { widthPixels, heightPixels };
}
