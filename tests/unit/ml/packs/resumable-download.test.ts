import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Hub, type HubFile } from "../../../../src/ml/packs/hub.js";
import { downloadPart } from "../../../../src/ml/packs/resumable-download.js";

const bytes = Buffer.from("0123456789");

/** A server whose first answer breaks off after four bytes; it records the request headers. */
function brokenHub(etag: string) {
  const asked: Record<string, string>[] = [];
  const hub = {
    retrying: (_url: string, _signal: unknown, attempt: () => Promise<unknown>) => attempt(),
    request: async (_url: string, { headers = {} }: { headers?: Record<string, string> }) => {
      asked.push(headers);
      const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
      return {
        status: start > 0 ? 206 : 200,
        headers: { etag, "content-range": `bytes ${start}-9/10` },
        body: Readable.from([bytes.subarray(start, asked.length === 1 ? 4 : 10)]),
      };
    },
  };
  return { asked, hub: hub as unknown as Hub };
}

describe("downloadPart()", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitrine-download-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it.each([
    { etag: '"a"', ifRange: '"a"' },
    { etag: 'W/"a"', ifRange: undefined }, // RFC 9110, 13.1.5: If-Range takes strong ones only
  ])("requests the rest with If-Range $ifRange after the etag $etag", async ({ etag, ifRange }) => {
    const { asked, hub } = brokenHub(etag);
    const file: HubFile = {
      url: "https://hub.example/f",
      commit: null,
      sizeBytes: 10,
      checksum: null,
      identity: "same",
    };
    const path = join(folder, "f");
    await expect(downloadPart(hub, file, path)).rejects.toThrow("4 of 10 bytes");
    expect(await readFile(await downloadPart(hub, file, path))).toEqual(bytes);
    expect(asked[1].range).toBe("bytes=4-");
    expect(asked[1]["if-range"]).toBe(ifRange);
  });
});

describe("Hub.find()", () => {
  it.each([
    { etag: '"abc"', identity: "abc" },
    { etag: 'W/"abc"', identity: null }, // other bytes may have it too
  ])("identifies a file by $etag as $identity", async ({ etag, identity }) => {
    const server = createServer((_request, answer) => {
      answer.writeHead(200, { etag, "content-length": 10 }).end();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const hub = new Hub({ baseUrl: `http://127.0.0.1:${port}`, numRetries: 0 });
    try {
      const found = await hub.find({ repository: "art/tiny", revision: "main", file: "f" });
      expect(found).toMatchObject({ identity, checksum: null });
    } finally {
      await hub.close();
      server.close();
    }
  });
});
