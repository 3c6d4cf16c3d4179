/**
 * @file A server with OpenAI's `POST /images/edits`: OpenAI itself, and others that speak its form (vLLM-Omni, SGLang, LocalAI,
 * stable-diffusion.cpp). https://platform.openai.com/docs/api-reference/images/createEdit
 *
 * The official client writes the request and reads the answer; it is an optional package. `RemoteHttp` carries both, so that
 * limits, retries and the way of the key are the same for all servers.
 */
import { createRequire } from "node:module";
import { type ClientOptions, type OpenAI } from "openai";
import { AppError } from "../../errors/app-error.js";
import { type EditServer, type ImageEdit } from "./edit-server.js";
import { RemoteHttp, type RemoteHttpOptions } from "./remote-http.js";

export interface OpenAiServerOptions extends RemoteHttpOptions {
  model: string;
}

export class OpenAiServer implements EditServer {
  readonly name: string;
  readonly identity: readonly unknown[];
  private readonly http: RemoteHttp;
  private readonly isOpenAi: boolean;

  /** @throws AppError `GENERATOR_UNAVAILABLE` when the package `openai` is not installed. */
  constructor(private readonly options: OpenAiServerOptions) {
    if (!hasClient()) {
      const reason = "it needs the package 'openai' (npm install openai@6)";
      throw new AppError("GENERATOR_UNAVAILABLE", { kind: "openai", reason });
    }
    const { baseUrl, model } = options;
    this.http = new RemoteHttp(options);
    this.isOpenAi = /(^|\.)openai\.com$/.test(new URL(baseUrl).hostname);
    this.name = `openai/${model}`;
    this.identity = [baseUrl, model];
  }

  edit(edit: ImageEdit, signal: AbortSignal): Promise<Uint8Array> {
    return this.http.retrying(async () => {
      const [image] = await this.answer(edit, signal);
      const { b64_json, url } = image ?? {};
      if (b64_json) {
        return this.http.imageAt(`data:image/png;base64,${b64_json}`);
      }
      if (!url) {
        throw this.http.failed("its answer has no image");
      }
      return this.http.imageAt(url, signal);
    }, signal);
  }

  close(): Promise<void> {
    return this.http.close();
  }

  private async answer(
    { heightPixels, image, mask, prompt, seed, widthPixels }: ImageEdit,
    signal: AbortSignal,
  ): Promise<{ b64_json?: string; url?: string }[]> {
    let fault: Error | undefined;
    const client = await this.client(async (input, init) => {
      try {
        return await this.fetch(input, init);
      } catch (error) {
        fault = error as Error; // the client reports some of them without their cause
        throw error;
      }
    });
    const { model } = this.options;
    const file = (bytes: Uint8Array, name: string) =>
      new File([bytes], name, { type: "image/png" });
    // OpenAI refuses fields that it does not know; the others draw the same image for the same seed.
    const own = this.isOpenAi
      ? model.startsWith("gpt-image-1") && { input_fidelity: "high" as const }
      : { seed, response_format: "b64_json" as const };
    try {
      const { data } = await client.images.edit(
        {
          model,
          prompt,
          image: file(image, "image.png"),
          ...(mask && { mask: file(mask, "mask.png") }),
          size: `${widthPixels}x${heightPixels}` as "1024x1024",
          n: 1,
          stream: false,
          ...own,
        },
        { signal },
      );
      return Array.isArray(data) ? data : [];
    } catch (error) {
      signal.throwIfAborted();
      const { message, status } = error as Error & { status?: number };
      throw fault ?? this.http.failed(status ? `HTTP ${message}` : message, error);
    }
  }

  private async client(fetch: ClientOptions["fetch"]): Promise<OpenAI> {
    const { OpenAI: Client } = await import("openai");
    const { baseUrl, key, timeoutMs } = this.http.options;
    return new Client({
      apiKey: key ?? "none", // the client insists on one; `RemoteHttp` sends the true one, or none
      baseURL: baseUrl,
      organization: null,
      project: null,
      logLevel: "off",
      maxRetries: 0,
      timeout: 2 * timeoutMs, // `RemoteHttp` is earlier
      fetch,
    });
  }

  /** `fetch` over {@link RemoteHttp}. */
  private async fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    if (request.url.startsWith("data:")) {
      return globalThis.fetch(input, init); // the client asks so what a form is made of
    }
    const type = request.headers.get("content-type");
    const { bytes, headers, status } = await this.http.sendOnce({
      method: "POST",
      url: new URL(request.url),
      headers: type ? { "content-type": type } : {},
      body: new Uint8Array(await request.arrayBuffer()),
      signal: init?.signal ?? undefined,
    });
    const contentType = headers["content-type"];
    return new Response(new Uint8Array(bytes), {
      status,
      headers: typeof contentType === "string" ? { "content-type": contentType } : {},
    });
  }
}

function hasClient(): boolean {
  try {
    createRequire(import.meta.url).resolve("openai");
    return true;
  } catch {
    return false;
  }
}
