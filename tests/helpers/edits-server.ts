/** @file A local server with OpenAI's `POST /v1/images/edits` that really edits: it paints what the mask leaves open. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import sharp from "sharp";

/** What the server was sent, as a person would read it. */
export interface ReceivedEdit {
  path: string;
  authorization: string | null;
  fields: Record<string, string>;
  image: { width: number; height: number; channels: number };
  mask: { width: number; height: number; channels: number } | null;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface EditsServer {
  /** With `/v1`. */
  url: string;
  origin: string;
  received: ReceivedEdit[];
  /** Requests of any kind, as `METHOD path`. */
  requests: string[];
  /** Handlers of the next requests, in order; afterwards the server edits again. */
  next: Handler[];
  close(): Promise<void>;
}

export async function startEditsServer(): Promise<EditsServer> {
  const received: ReceivedEdit[] = [];
  const requests: string[] = [];
  const next: Handler[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const handler = next.shift() ?? ((asked, answer) => void edit(asked, answer, received));
    handler(request, response);
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/v1`,
    origin,
    received,
    requests,
    next,
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

/** A handler that answers with a status and a JSON body. */
export function answering(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): Handler {
  return (request, response) => {
    request.resume().on("end", () => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    });
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

async function edit(
  request: IncomingMessage,
  response: ServerResponse,
  received: ReceivedEdit[],
): Promise<void> {
  const type = request.headers["content-type"] ?? "";
  if (!type.startsWith("multipart/")) {
    answering(404, { error: "no such thing" })(request, response);
    return;
  }
  const form = await new Response(new Uint8Array(await bodyOf(request)), {
    headers: { "content-type": type },
  }).formData();
  const fields: Record<string, string> = {};
  const files: Partial<Record<string, Buffer>> = {};
  for (const [name, value] of form) {
    if (typeof value === "string") {
      fields[name] = value;
    } else {
      files[name] = Buffer.from(await value.arrayBuffer());
    }
  }
  const image = await raw(files.image!);
  const mask = files.mask ? await raw(files.mask) : null;
  received.push({
    path: request.url ?? "",
    authorization: request.headers.authorization ?? null,
    fields,
    image: image.size,
    mask: mask?.size ?? null,
  });
  const paint = createHash("sha256").update(`${fields.prompt} ${fields.seed}`).digest();
  const pixels = Buffer.from(image.data);
  const { channels, height, width } = image.size;
  for (let at = 0; at < width * height; at++) {
    if (mask?.data[at * 4 + 3] !== 255) {
      pixels.set(paint.subarray(0, 3), at * channels);
    }
  }
  const png = await sharp(pixels, { raw: { width, height, channels: channels as 3 } })
    .png()
    .toBuffer();
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ created: 1, data: [{ b64_json: png.toString("base64") }] }));
}

async function raw(file: Buffer) {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  const { channels, height, width } = info;
  return { data, size: { width, height, channels } };
}
