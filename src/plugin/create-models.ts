/** @file The base models of the pack, each loaded when it is first needed. */
import { z } from "zod";
import { bundledPackFolder, type Config } from "../config/config.js";
import { Captioner } from "../ml/captioning/captioner.js";
import { ClipEncoder } from "../ml/clip/clip-encoder.js";
import { ConditionEncoder } from "../ml/diffusion/condition-encoder.js";
import type { ImageGenerator } from "../ml/diffusion/image-generator.js";
import { loadPipelineConfig, type PipelineConfig } from "../ml/diffusion/pipeline-config.js";
import { RenderPool, renderVersionOf } from "../ml/diffusion/render-pool.js";
import { PromptTemplate } from "../ml/language/prompt-template.js";
import type { RgbImage } from "../ml/nn/rgb-image.js";
import { KeywordLlm } from "../ml/personalizer/keyword-llm.js";
import { type ModelPack, openModelPack, type PackComponent } from "../ml/runtime/model-pack.js";
import { maskVersionOf, type SubjectMask } from "../ml/studio/subject-mask.js";
import type { KeywordModel } from "../recsys/retrieval/keyword-extraction.js";
import { modelId } from "../recsys/retrieval/model-id.js";
import { lazy } from "./lazy.js";
import { loadBackdrops } from "./load-backdrops.js";
import { loadLanguage } from "./load-language.js";
import { PackFaults } from "./pack-faults.js";

/** p_k of Eq. 6. */
const KEYWORD_PROMPT = "keywords.v1";

export interface Models {
  pack: ModelPack;
  /** Parts of the pack that could not be loaded. */
  faults: Pick<PackFaults, "messages">;
  /** Sizes of the diffusion model's images; null for a pack without `unet/`. */
  pipelineConfig: PipelineConfig | null;
  /** The encoder of captions and pictures, known without loading it. */
  encoder: { name: string; version: string; dimension: number };
  /** `name@version` of the encoder. */
  encoderId: string;
  clip: () => Promise<ClipEncoder>;
  captioner: () => Promise<Captioner>;
  /** Text encoder and image projection of the generator, for personalizers. */
  conditionEncoder: () => Promise<ConditionEncoder>;
  /** Draws in threads, which start with the first request. */
  generator: ImageGenerator;
  /** Backdrops of the shop that {@link generator} has, where it paints settings. */
  numScenes: number;
  /** Masks photographs in the same threads, with the network of the pack or of the bundled `studio`. */
  masker: {
    version: string;
    mask: (image: RgbImage, alpha: Uint8Array | null) => Promise<SubjectMask>;
  };
  /** LLM_k; loaded when it is first asked. */
  keywordModel: KeywordModel;
  close(): Promise<void>;
}

/** @throws AppError `CONFIG_INVALID` of the backdrops, `MODEL_PACK_INVALID`, `MODEL_FILE_MISSING`, `MODEL_FILE_DAMAGED` */
export async function createModels(
  folder: string,
  config: Pick<Config, "backdropsFolder" | "onnxThreads" | "renderOnnxThreads" | "renderThreads">,
): Promise<Models> {
  const pack = await openModelPack(folder);
  const { onnxThreads, renderOnnxThreads, renderThreads: numThreads } = config;
  const faults = new PackFaults();
  const loaded = <Model>(parts: readonly PackComponent[], load: () => Promise<Model>) =>
    lazy(() =>
      faults.noting(parts[0], async () => {
        await pack.verifyParts(...parts);
        return load();
      }),
    );
  const onnx = { numThreads: onnxThreads };
  const clip = loaded(["clip"], () => ClipEncoder.load(pack, onnx));
  const captioner = loaded(["captioner"], () => Captioner.load(pack, onnx));
  const conditionEncoder = loaded(["text_encoder", "tokenizer", "image_projection"], () =>
    ConditionEncoder.load(pack, onnx),
  );
  const maskPack = pack.has("subject_mask")
    ? pack
    : await openModelPack(bundledPackFolder("studio"));
  const scenes = await loadBackdrops(config.backdropsFolder);
  const renderPool = lazy(() =>
    RenderPool.create({
      packDir: pack.dir,
      maskPackDir: maskPack.dir,
      numThreads,
      onnxThreads: renderOnnxThreads,
      scenes,
    }),
  );
  const language = loaded(["llm"], () => loadLanguage(pack, KEYWORD_PROMPT));
  const { sha256 } = await PromptTemplate.load(KEYWORD_PROMPT);
  const clipConfig = z.object({ projection_dim: z.number().int().positive() });
  const { projection_dim } = await pack.readJson("clip/config.json", clipConfig);
  const encoder = { name: `${pack.name}/clip`, version: pack.versionOf("clip") };
  return {
    pack,
    faults,
    pipelineConfig: pack.has("unet") ? await loadPipelineConfig(pack) : null,
    encoder: { ...encoder, dimension: projection_dim },
    encoderId: modelId(encoder),
    clip,
    captioner,
    conditionEncoder,
    generator: {
      version: renderVersionOf(pack, scenes),
      generate: (request, options) =>
        faults.noting("generator", async () => (await renderPool()).generate(request, options)),
    },
    numScenes: scenes.length,
    masker: {
      version: maskVersionOf(maskPack),
      mask: (image, alpha) =>
        faults.noting("subject_mask", async () => (await renderPool()).mask(image, alpha)),
    },
    keywordModel: {
      version: `${pack.name}/llm@${pack.versionOf("llm")}+${KEYWORD_PROMPT}-${sha256.slice(0, 8)}`,
      answer: async (items, signal) => new KeywordLlm(await language()).answer(items, signal),
    },
    async close() {
      await (await renderPool.peek())?.close();
      await (await captioner.peek())?.dispose();
      await (await conditionEncoder.peek())?.dispose();
      await (await clip.peek())?.dispose();
      (await language.peek())?.llm.dispose();
    },
  };
}
