/**
 * @file A generator on another machine: it sends the catalogue image, the product's mask and an instruction, and brings the
 * answer back to the image's size. The product lock of the image path restores the product's pixels, as for every generator.
 */
import { createHash } from "node:crypto";
import pLimit, { type LimitFunction } from "p-limit";
import { AppError } from "../../errors/app-error.js";
import {
  type GenerateOptions,
  type GenerateRequest,
  type ImageGenerator,
} from "../diffusion/image-generator.js";
import { checkMask } from "../diffusion/inpainting.js";
import { throwIfCancelled } from "../diffusion/pipeline.js";
import { seedFrom } from "../nn/random.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type Extent } from "../studio/resample.js";
import {
  type EditFrame,
  fittingFrame,
  frameAmong,
  framedImage,
  framedMask,
  hasShapeOf,
  type Raster,
  unframed,
} from "./edit-frame.js";
import { EditPrompt } from "./edit-prompt.js";
import { type EditServer } from "./edit-server.js";

/** Reads and writes image files. */
export interface RemoteCodec {
  encodePng(raster: Raster): Promise<Uint8Array>;
  /** @throws AppError `IMAGE_UNREADABLE`. */
  decode(bytes: Uint8Array): Promise<RgbImage>;
}

export interface RemoteGeneratorOptions {
  server: EditServer;
  codec: RemoteCodec;
  /** Sizes that the server draws; null: any. */
  sizes: readonly Extent[] | null;
  /** Requests at once. Default: 1. */
  numParallel?: number;
  /** What an image counts as in the budgets. Default: 1. */
  evaluationsAnImage?: number;
  /** One of `GenerateRequest.conditions` in words, or null if it has none. Default: conditions are not read. */
  settingOf?: (condition: Float32Array) => string | null;
}

export class RemoteGenerator implements ImageGenerator {
  readonly version: string;
  readonly drawsAnySize = true;
  readonly readsSettings: boolean;
  readonly evaluationsAnImage: number;
  private readonly limit: LimitFunction;
  private readonly closing = new AbortController();

  private constructor(
    private readonly options: RemoteGeneratorOptions,
    private readonly prompt: EditPrompt,
  ) {
    const { evaluationsAnImage = 1, numParallel = 1, server, sizes } = options;
    this.evaluationsAnImage = evaluationsAnImage;
    this.readsSettings = options.settingOf !== undefined;
    const identity = JSON.stringify([server.identity, sizes, prompt.version]);
    const hash = createHash("sha256").update(identity).digest("hex").slice(0, 12);
    this.version = `${server.name.replaceAll(/[^\w./:-]/g, "-")}@${hash}`;
    this.limit = pLimit(numParallel);
  }

  /** Opens no connection. @throws AppError `FILE_NOT_FOUND` without the prompts of the package. */
  static async create(options: RemoteGeneratorOptions): Promise<RemoteGenerator> {
    return new RemoteGenerator(options, await EditPrompt.load());
  }

  /** @throws AppError also `GENERATOR_FAILED`; the first fault stops the other images of the request. */
  async generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<RgbImage[]> {
    const { conditions, initImage, mask, numImages } = request;
    throwIfCancelled(options.signal);
    if (!initImage) {
      const problem = "is needed: the generator on another machine edits an image";
      throw new AppError("INVALID_ARGUMENT", { argument: "initImage", problem });
    }
    checkMask(mask, initImage);
    if (conditions && conditions.length !== 1 && conditions.length !== numImages) {
      const problem = `must be one, or one for each of ${numImages} images, but got ${conditions.length}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "conditions", problem });
    }
    const failing = new AbortController();
    const given = options.signal ? [options.signal] : [];
    const signal = AbortSignal.any([failing.signal, this.closing.signal, ...given]);
    const frame = this.frameOf(initImage);
    const files = await this.filesOf({ initImage, mask }, frame);
    let numDone = 0;
    try {
      return await Promise.all(
        Array.from({ length: numImages }, (_, index) =>
          this.limit(async () => {
            throwIfCancelled(signal);
            const image = await this.drawn(request, index, { ...files, frame, signal });
            options.onProgress?.({ step: ++numDone, numSteps: numImages });
            return image;
          }),
        ),
      );
    } catch (error) {
      failing.abort(error);
      throwIfCancelled(options.signal);
      throwIfCancelled(this.closing.signal);
      throw error;
    }
  }

  /** Stops what runs, and frees the connections. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.options.server.close();
  }

  private frameOf(image: Extent): EditFrame {
    const { sizes } = this.options;
    return sizes ? frameAmong(image, sizes) : fittingFrame(image);
  }

  private async filesOf(
    { initImage, mask }: { initImage: RgbImage; mask?: GenerateRequest["mask"] },
    frame: EditFrame,
  ): Promise<{ image: Uint8Array; mask: Uint8Array | null }> {
    const { codec } = this.options;
    return {
      image: await codec.encodePng(framedImage(initImage, frame)),
      mask: mask ? await codec.encodePng(framedMask(mask, frame)) : null,
    };
  }

  private async drawn(
    request: GenerateRequest,
    index: number,
    sent: { image: Uint8Array; mask: Uint8Array | null; frame: EditFrame; signal: AbortSignal },
  ): Promise<RgbImage> {
    const { server } = this.options;
    const { frame, image, mask, signal } = sent;
    const { heightPixels, widthPixels } = frame;
    const seed = seedFrom(request.seed, request.sharesNoise ? 0 : index) % 2 ** 31;
    const prompt = this.promptOf(request, index, mask !== null);
    const edit = { image, mask, prompt, seed: Math.abs(seed), widthPixels, heightPixels };
    const bytes = await server.edit(edit, signal);
    const answer = await this.decoded(bytes);
    if (!hasShapeOf(answer, frame)) {
      throw this.failed(
        `its image has ${answer.widthPixels} x ${answer.heightPixels} pixels, but ${widthPixels} x ${heightPixels} were asked for`,
      );
    }
    return unframed(answer, frame, request.initImage!);
  }

  private promptOf(request: GenerateRequest, index: number, keepsProduct: boolean): string {
    const { conditions, negativePrompt = "", prompt } = request;
    const condition = conditions?.[conditions.length === 1 ? 0 : index];
    const setting = (condition && this.options.settingOf?.(condition)) ?? "";
    return this.prompt.of({ words: prompt, setting, avoided: negativePrompt }, keepsProduct);
  }

  private async decoded(bytes: Uint8Array): Promise<RgbImage> {
    if (!isPhotoFile(bytes)) {
      throw this.failed("its answer is neither PNG nor JPEG nor WebP");
    }
    try {
      return await this.options.codec.decode(bytes);
    } catch (error) {
      throw this.failed("its image cannot be decoded", error);
    }
  }

  private failed(reason: string, cause?: unknown): AppError {
    const { name } = this.options.server;
    return new AppError("GENERATOR_FAILED", { host: name, reason }, { cause });
  }
}

/** By the first bytes: PNG, JPEG or WebP. */
function isPhotoFile(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  return (
    head.startsWith("\x89PNG\r\n\x1a\n") ||
    head.startsWith("\xff\xd8\xff") ||
    (head.startsWith("RIFF") && head.endsWith("WEBP"))
  );
}
