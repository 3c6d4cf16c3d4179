/** @file What draws images: the host's generator, one on another machine, or the model pack. */
import type { Config } from "../config/config.js";
import type { GeneratorConfig } from "../config/generator-settings.js";
import { decodeRgb, encodeRaster } from "../db/image-codec.js";
import type { ImageGenerator } from "../ml/diffusion/image-generator.js";
import { CogServer } from "../ml/remote/cog-server.js";
import type { EditServer } from "../ml/remote/edit-server.js";
import { OpenAiServer } from "../ml/remote/openai-server.js";
import { RemoteGenerator } from "../ml/remote/remote-generator.js";
import { settingWords } from "../ml/remote/setting-words.js";
import { decodeSetting } from "../ml/studio/setting.js";

export interface Drawing {
  generator: ImageGenerator;
  close(): Promise<void>;
}

/** @throws AppError `GENERATOR_UNAVAILABLE` */
export async function createGenerator(
  config: Pick<Config, "generator" | "renderThreads">,
  packed: ImageGenerator,
  given?: ImageGenerator,
): Promise<Drawing> {
  if (given || !config.generator) {
    return { generator: given ?? packed, close: async () => undefined };
  }
  const generator = await remoteGenerator(config.generator, config.renderThreads);
  return { generator, close: () => generator.close() };
}

async function remoteGenerator(
  config: GeneratorConfig,
  numParallel: number,
): Promise<RemoteGenerator> {
  const { evaluationsAnImage, sizes } = config;
  return RemoteGenerator.create({
    server: serverOf(config),
    codec: { decode: bytes => decodeRgb(bytes), encodePng: encodeRaster },
    sizes,
    numParallel,
    evaluationsAnImage,
    settingOf: condition => settingWords(decodeSetting(condition)),
  });
}

function serverOf({ inputs, key, kind, model, timeoutMs, url }: GeneratorConfig): EditServer {
  const connection = { baseUrl: url, key, timeoutMs };
  return kind === "openai"
    ? new OpenAiServer({ ...connection, model: model ?? "" })
    : new CogServer({ ...connection, model, inputs });
}
