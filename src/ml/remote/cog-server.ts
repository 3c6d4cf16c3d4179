/**
 * @file A server with Cog's HTTP API, `POST /predictions`: a Cog container of one's own, or Replicate.
 * https://cog.run/http https://replicate.com/docs/reference/http
 *
 * Models name their inputs as they like, so a map renames ours. The mask's convention on Replicate is white for what changes.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { type EditInput, editInputs } from "../../config/generator-settings.js";
import { type EditServer, type ImageEdit } from "./edit-server.js";
import { RemoteHttp, type RemoteHttpOptions } from "./remote-http.js";

export interface CogServerOptions extends RemoteHttpOptions {
  /** On Replicate `owner/name`, `owner/name:version` or a version's id; null for a server of one model. */
  model: string | null;
  /** The model's name of an input; null: not sent. Default: prompt, image, mask and seed under these names. */
  inputs?: Partial<Record<EditInput, string | null>>;
  /** Between two looks at a prediction that is not finished. Default: 1,000. */
  pollMs?: number;
}

const DEFAULT_INPUTS: Record<EditInput, string | null> = {
  prompt: "prompt",
  image: "image",
  mask: "mask",
  seed: "seed",
  width: null,
  height: null,
};
const DEFAULT_POLL_MS = 1_000;
/** Longest wait that Replicate allows in one request, in seconds. */
const WAIT_SECONDS = 60;
/** A request to stop is not waited for longer. */
const CANCEL_MS = 5_000;

const predictionSchema = z.looseObject({
  id: z.string().optional(),
  status: z.string(),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
  urls: z.looseObject({ get: z.string().optional(), cancel: z.string().optional() }).optional(),
});
type Prediction = z.infer<typeof predictionSchema>;

const RUNNING = new Set(["starting", "processing"]);

export class CogServer implements EditServer {
  readonly name: string;
  readonly identity: readonly unknown[];
  private readonly http: RemoteHttp;
  private readonly inputs: Record<EditInput, string | null>;

  constructor(private readonly options: CogServerOptions) {
    const { baseUrl, inputs, model } = options;
    this.http = new RemoteHttp(options);
    this.inputs = { ...DEFAULT_INPUTS, ...inputs };
    this.name = `cog/${model ?? "model"}`;
    this.identity = [baseUrl, model, Object.entries(this.inputs).sort()];
  }

  async edit(edit: ImageEdit, signal: AbortSignal): Promise<Uint8Array> {
    // A server of one model takes our id, so that a prediction can be stopped before it has answered.
    let prediction: Prediction = {
      status: "starting",
      ...(this.options.model === null && { id: randomUUID() }),
    };
    const deadline = Date.now() + this.http.options.timeoutMs;
    try {
      prediction = await this.start(edit, prediction.id, signal);
      while (RUNNING.has(prediction.status)) {
        if (Date.now() > deadline) {
          throw this.http.failed("it timed out");
        }
        await sleep(this.options.pollMs ?? DEFAULT_POLL_MS, undefined, { signal });
        prediction = await this.look(prediction, signal);
      }
    } catch (error) {
      await this.cancel(prediction);
      signal.throwIfAborted();
      throw error;
    }
    if (prediction.status !== "succeeded") {
      const { error, status } = prediction;
      const told = typeof error === "string" && error !== "" ? `: ${error}` : "";
      throw this.http.failed(`the prediction is ${status}${told}`);
    }
    return this.http.imageAt(this.addressIn(prediction.output), signal);
  }

  close(): Promise<void> {
    return this.http.close();
  }

  private async start(
    edit: ImageEdit,
    id: string | undefined,
    signal: AbortSignal,
  ): Promise<Prediction> {
    const { path, version } = this.place();
    const body = JSON.stringify({ id, ...version, input: this.inputOf(edit) });
    const answer = await this.http.send({
      method: "POST",
      url: this.http.urlOf(path),
      headers: { "content-type": "application/json", prefer: `wait=${WAIT_SECONDS}` },
      body: Buffer.from(body),
      signal,
    });
    return this.predictionIn(this.http.json(answer));
  }

  /** Where predictions of the model are made. */
  private place(): { path: string; version?: { version: string } } {
    const { model } = this.options;
    if (model === null) {
      return { path: "/predictions" };
    }
    const [name, version] = model.split(":");
    if (version === undefined && name.includes("/")) {
      return { path: `/models/${name}/predictions` };
    }
    return { path: "/predictions", version: { version: version ?? name } };
  }

  private inputOf(edit: ImageEdit): Record<string, string | number> {
    const { heightPixels, image, mask, prompt, seed, widthPixels } = edit;
    const dataUrl = (png: Uint8Array) =>
      `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
    const values: Record<EditInput, string | number | null> = {
      prompt,
      image: dataUrl(image),
      mask: mask && dataUrl(mask),
      seed,
      width: widthPixels,
      height: heightPixels,
    };
    return Object.fromEntries(
      editInputs.flatMap(input => {
        const name = this.inputs[input];
        const value = values[input];
        return name === null || value === null ? [] : [[name, value]];
      }),
    );
  }

  private async look({ urls }: Prediction, signal: AbortSignal): Promise<Prediction> {
    const url = this.ownUrl(urls?.get);
    if (!url) {
      throw this.http.failed("it does not say where its prediction can be seen");
    }
    return this.predictionIn(this.http.json(await this.http.send({ method: "GET", url, signal })));
  }

  /** Asks the server to stop; whether it does changes nothing here. */
  private async cancel({ id, urls }: Prediction): Promise<void> {
    const known = id === undefined ? undefined : `/predictions/${encodeURIComponent(id)}/cancel`;
    const url = this.ownUrl(urls?.cancel) ?? (known ? this.http.urlOf(known) : null);
    if (url) {
      const signal = AbortSignal.timeout(CANCEL_MS);
      await this.http.sendOnce({ method: "POST", url, signal }).catch(() => undefined);
    }
  }

  /** Null for an address of another server: it would get the key. */
  private ownUrl(address: string | undefined): URL | null {
    const { baseUrl } = this.http.options;
    const url = address && URL.canParse(address, baseUrl) ? new URL(address, baseUrl) : null;
    return url && this.http.isOwn(url) ? url : null;
  }

  private predictionIn(value: unknown): Prediction {
    const parsed = predictionSchema.safeParse(value);
    if (!parsed.success) {
      throw this.http.failed("its answer is not a prediction", parsed.error);
    }
    return parsed.data;
  }

  /** A file, or the first of several. @throws AppError `GENERATOR_FAILED`. */
  private addressIn(output: unknown): string {
    const first: unknown = Array.isArray(output) ? output[0] : output;
    if (typeof first !== "string" || first === "") {
      throw this.http.failed("its prediction has no image");
    }
    return first;
  }
}
