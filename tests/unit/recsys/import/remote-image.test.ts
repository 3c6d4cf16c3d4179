import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isPublicAddress, RemoteImages } from "../../../../src/recsys/import/remote-image.js";

const never = new AbortController().signal;

describe("isPublicAddress()", () => {
  it.each([
    ["loopback", "127.0.0.1"],
    ["loopback", "127.255.255.254"],
    ["this host", "0.0.0.0"],
    ["this network", "0.1.2.3"],
    ["private", "10.0.0.1"],
    ["private", "172.16.0.1"],
    ["private", "172.31.255.255"],
    ["private", "192.168.1.1"],
    ["link-local, cloud metadata", "169.254.169.254"],
    ["carrier-grade NAT", "100.64.0.1"],
    ["carrier-grade NAT, cloud metadata", "100.100.100.200"],
    ["protocol assignments", "192.0.0.192"],
    ["documentation", "192.0.2.1"],
    ["benchmarks", "198.18.0.1"],
    ["multicast", "224.0.0.1"],
    ["reserved", "240.0.0.1"],
    ["broadcast", "255.255.255.255"],
    ["Azure's services", "168.63.129.16"],
    ["IPv6 loopback", "::1"],
    ["IPv6 unspecified", "::"],
    ["IPv4-mapped loopback", "::ffff:127.0.0.1"],
    ["IPv4-mapped loopback in hex", "::ffff:7f00:1"],
    ["IPv4-mapped private", "::ffff:10.0.0.1"],
    ["IPv4-compatible loopback", "::7f00:1"],
    ["IPv4-translated", "::ffff:0:127.0.0.1"],
    ["NAT64", "64:ff9b::7f00:1"],
    ["local NAT64", "64:ff9b:1::7f00:1"],
    ["6to4 of loopback", "2002:7f00:1::"],
    ["Teredo", "2001::1"],
    ["documentation", "2001:db8::1"],
    ["unique local", "fc00::1"],
    ["unique local, cloud metadata", "fd00:ec2::254"],
    ["link-local", "fe80::1"],
    ["site-local", "fec0::1"],
    ["multicast", "ff02::1"],
    ["no address", "example.com"],
  ])("is false for %s (%s)", (_, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])(
    "is true for %s",
    address => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe("RemoteImages, offline", () => {
  it("fetches nothing", async () => {
    const images = new RemoteImages({ isOffline: true });
    await expect(images.fetch("https://a.example/1.png", never)).rejects.toMatchObject({
      code: "OFFLINE",
      message: "'https://a.example/1.png' is not fetched: VITRINE_OFFLINE forbids the network",
    });
    await images.close();
  });
});

describe("RemoteImages", () => {
  let server: Server;
  let requests: string[];
  let answer: RequestListener;
  let origin: string;
  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      requests.push(request.url ?? "");
      answer(request, response);
    });
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const strict = new RemoteImages({ numRetries: 0 });
  const lenient = new RemoteImages({
    allowPrivate: true,
    maxBytes: 1_000,
    timeoutMs: 500,
    retryDelayMs: 1,
  });
  afterAll(() => Promise.all([strict.close(), lenient.close()]));

  it("fetches a picture", async () => {
    answer = (_, response) => {
      response.setHeader("content-type", "image/png");
      response.end("bytes");
    };
    expect((await lenient.fetch(`${origin}/a.png?b=1`, never)).toString()).toBe("bytes");
    expect(requests).toEqual(["/a.png?b=1"]);
  });

  it("never connects to this machine, however it is spelled", async () => {
    answer = (_, response) => response.end("secret");
    const { port } = new URL(origin);
    const hosts = [
      "127.0.0.1",
      "127.1",
      "2130706433",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "0.0.0.0",
      "localhost",
      "LOCALHOST",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::]",
    ];
    for (const host of hosts) {
      await expect(strict.fetch(`http://${host}:${port}/`, never)).rejects.toMatchObject({
        code: "FETCH_REFUSED",
      });
    }
    expect(requests).toEqual([]);
  });

  it.each(["file:///etc/passwd", "ftp://example.com/a", "data:image/png;base64,AA==", "no url"])(
    "refuses %s",
    async url => {
      await expect(lenient.fetch(url, never)).rejects.toMatchObject({ code: "FETCH_REFUSED" });
    },
  );

  it("refuses a URL with a password", async () => {
    const url = origin.replace("//", "//user:secret@");
    await expect(lenient.fetch(url, never)).rejects.toMatchObject({ code: "FETCH_REFUSED" });
  });

  it("follows three redirects and no more", async () => {
    answer = (request, response) => {
      const left = Number(request.url?.slice(1));
      response.writeHead(left === 0 ? 200 : 302, { location: `/${left - 1}` });
      response.end("bytes");
    };
    expect((await lenient.fetch(`${origin}/3`, never)).toString()).toBe("bytes");
    await expect(lenient.fetch(`${origin}/4`, never)).rejects.toMatchObject({
      code: "FETCH_FAILED",
    });
  });

  it("checks redirect targets", async () => {
    answer = (_, response) => {
      response.writeHead(302, { location: "file:///etc/passwd" }).end();
    };
    await expect(lenient.fetch(origin, never)).rejects.toMatchObject({ code: "FETCH_REFUSED" });
  });

  it("retries transient answers only", async () => {
    answer = (request, response) => {
      const status = request.url === "/gone" ? 404 : requests.length < 3 ? 503 : 200;
      response.writeHead(status).end("bytes");
    };
    expect((await lenient.fetch(`${origin}/busy`, never)).toString()).toBe("bytes");
    expect(requests).toHaveLength(3);
    requests = [];
    await expect(lenient.fetch(`${origin}/gone`, never)).rejects.toMatchObject({
      details: { reason: "HTTP 404" },
    });
    expect(requests).toEqual(["/gone"]);
  });

  it("reports the last fault after all attempts", async () => {
    answer = (_, response) => response.writeHead(503).end();
    await expect(lenient.fetch(origin, never)).rejects.toMatchObject({
      code: "FETCH_FAILED",
      details: { reason: "HTTP 503" },
    });
    expect(requests).toHaveLength(3);
  });

  it("stops reading what is too large, declared or not", async () => {
    answer = (request, response) => {
      if (request.url === "/announced") {
        response.setHeader("content-length", 5_000);
      }
      response.write(Buffer.alloc(5_000));
      response.end();
    };
    for (const path of ["/announced", "/streamed"]) {
      await expect(lenient.fetch(origin + path, never)).rejects.toMatchObject({
        code: "IMAGE_TOO_LARGE",
      });
    }
  });

  it.each(["binary/octet-stream", "application/octet-stream", "text/plain", "", null])(
    "ignores an answer's type %p and lets the bytes decide",
    async type => {
      answer = (_, response) => {
        if (type !== null) {
          response.setHeader("content-type", type);
        }
        response.end("bytes");
      };
      const images = new RemoteImages({ allowPrivate: true });
      expect(String(await images.fetch(`${origin}/a`, never))).toBe("bytes");
      await images.close();
    },
  );

  it("refuses a web page", async () => {
    answer = (_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end("<html>");
    };
    await expect(lenient.fetch(origin, never)).rejects.toMatchObject({
      details: { reason: "it is text/html; charset=utf-8" },
    });
  });

  it("times out on a server that never ends", async () => {
    const impatient = new RemoteImages({ allowPrivate: true, timeoutMs: 100, numRetries: 0 });
    answer = (_, response) => response.write("and so on");
    await expect(impatient.fetch(origin, never)).rejects.toMatchObject({
      details: { reason: "it timed out" },
    });
  });

  it("stops immediately when the import is stopped", async () => {
    const stopping = new AbortController();
    answer = () => {
      stopping.abort(new Error("stopped"));
    };
    await expect(lenient.fetch(origin, stopping.signal)).rejects.toThrow("stopped");
    expect(requests).toHaveLength(1);
  });
});
