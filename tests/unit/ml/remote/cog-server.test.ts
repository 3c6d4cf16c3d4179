/** Replicate's part of Cog's protocol, against a local server; `tests/integration/generation/cog-server.test.ts` has a real one. */
import { CogServer, type CogServerOptions } from "../../../../src/ml/remote/cog-server.js";
import { RemoteGenerator } from "../../../../src/ml/remote/remote-generator.js";
import { answering, type EditsServer, startEditsServer } from "../../../helpers/edits-server.js";
import { codec, HEIGHT, picture, request, WIDTH } from "./remote-pictures.js";

const SIZE = { widthPixels: WIDTH, heightPixels: HEIGHT };
let server: EditsServer;
let png: Buffer;
const open: RemoteGenerator[] = [];

beforeAll(async () => {
  server = await startEditsServer();
  png = Buffer.from(await codec.encodePng({ ...picture, channels: 3 }));
});

beforeEach(() => {
  server.requests.length = 0;
  server.next.length = 0;
});

afterAll(async () => {
  await Promise.all(open.map(generator => generator.close()));
  await server.close();
});

async function create(changes: Partial<CogServerOptions> = {}): Promise<RemoteGenerator> {
  const usual = { baseUrl: server.url, key: "r8_secret", model: "owner/name" };
  const generator = await RemoteGenerator.create({
    server: new CogServer({ ...usual, retryDelayMs: 1, pollMs: 1, ...changes }),
    codec,
    sizes: [SIZE],
  });
  open.push(generator);
  return generator;
}

/** Answers, and keeps the body and key of what was asked. */
function keeping(answer: unknown, kept: { body?: string; authorization?: string }[]) {
  return (...[asked, response]: Parameters<ReturnType<typeof answering>>) => {
    let body = "";
    asked.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    asked.on("end", () => {
      kept.push({ body, authorization: asked.headers.authorization });
      response.writeHead(201, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    });
  };
}

const inline = () => `data:image/png;base64,${png.toString("base64")}`;
const running = (path = "/v1/predictions/p1") => ({
  id: "p1",
  status: "processing",
  urls: { get: `${server.origin}${path}`, cancel: `${server.origin}${path}/cancel` },
});

describe("a hosted server of Cog models", () => {
  it("starts a prediction of the model, and looks at it until it is finished", async () => {
    const kept: { body?: string; authorization?: string }[] = [];
    server.next.push(
      keeping(running(), kept),
      answering(200, running()),
      answering(200, { status: "succeeded", output: [inline()] }),
    );
    expect(await (await create()).generate(request)).toEqual([picture]);
    expect(server.requests).toEqual([
      "POST /v1/models/owner/name/predictions",
      "GET /v1/predictions/p1",
      "GET /v1/predictions/p1",
    ]);
    expect(kept[0].authorization).toBe("Bearer r8_secret");
    const { input } = JSON.parse(kept[0].body!) as { input: Record<string, unknown> };
    expect(Object.keys(input)).toEqual(["prompt", "image", "mask", "seed"]);
  });

  it.each([
    ["owner/name:abc", "abc"],
    ["abc", "abc"],
  ])("asks for the version of %s", async (model, version) => {
    const kept: { body?: string }[] = [];
    server.next.push(keeping({ status: "succeeded", output: inline() }, kept));
    await (await create({ model })).generate(request);
    expect(server.requests).toEqual(["POST /v1/predictions"]);
    expect(JSON.parse(kept[0].body!)).toMatchObject({ version });
  });

  it("uses the model's own names of inputs, and leaves out those without a name", async () => {
    const kept: { body?: string }[] = [];
    server.next.push(keeping({ status: "succeeded", output: inline() }, kept));
    const inputs = { image: "input_image", seed: null, width: "w" };
    await (await create({ inputs })).generate({ ...request, mask: undefined });
    const { input } = JSON.parse(kept[0].body!) as { input: Record<string, unknown> };
    expect(Object.keys(input)).toEqual(["prompt", "input_image", "w"]);
    expect(input.w).toBe(WIDTH);
  });

  it("looks at no address of another server, which would get the key", async () => {
    const other = await startEditsServer();
    server.next.push(
      answering(201, { id: "p1", status: "starting", urls: { get: `${other.origin}/p1` } }),
      answering(200, {}),
    );
    const work = (await create()).generate(request);
    await expect(work).rejects.toThrow("does not say where its prediction can be seen");
    expect(other.requests).toEqual([]);
    expect(server.requests.at(-1)).toBe("POST /v1/predictions/p1/cancel");
    await other.close();
  });

  it("asks for a stop when it is cancelled or its time is over", async () => {
    const stopping = new AbortController();
    server.next.push(answering(201, running()), (_, response) => {
      stopping.abort();
      response.destroy();
    });
    const generator = await create();
    const work = generator.generate(request, { signal: stopping.signal });
    await expect(work).rejects.toMatchObject({ code: "JOB_CANCELLED" });
    expect(server.requests).toContain("POST /v1/predictions/p1/cancel");
    server.next.length = 0;
    const slow = await create({ timeoutMs: 300, pollMs: 200 });
    server.next.push(...Array.from({ length: 9 }, () => answering(200, running())));
    await expect(slow.generate(request)).rejects.toThrow("it timed out");
    expect(server.requests.at(-1)).toBe("POST /v1/predictions/p1/cancel");
  });

  it.each([
    [{ status: "failed", error: "out of memory" }, "the prediction is failed: out of memory"],
    [{ status: "canceled" }, "the prediction is canceled"],
    [{ status: "succeeded", output: null }, "no image"],
    [{ status: "succeeded", output: [] }, "no image"],
    [{ id: 1 }, "not a prediction"],
    [[], "not a prediction"],
  ])("reports %j", async (answer, words) => {
    server.next.push(answering(200, answer));
    await expect((await create()).generate(request)).rejects.toThrow(words);
  });
});
