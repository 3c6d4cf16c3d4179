/**
 * @file Hostile images in all the ways that an image can come in. `npm run attack` runs 1,100 of them; the suite a tenth.
 *
 * Each is stored, or refused with a code of the catalogue, within its limits of time and memory; none ends the process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspectImage } from "../../../src/db/image-codec.js";
import { errorCodes } from "../../../src/errors/app-error.js";
import { RemoteImages } from "../../../src/recsys/import/remote-image.js";
import { ImageAttackGenerator } from "../../helpers/image-attack.js";
import { patience } from "../../helpers/patience.js";

const numAttacks = Math.ceil(Number(process.env.VITRINE_ATTACKS ?? 550) / 5);
const seed = Number(process.env.VITRINE_ATTACK_SEED ?? 1);
/** What decoding, and for an SVG drawing, may take on a quiet machine. */
const MAX_MS = 12_000;
/** Above the process's own. An image of 40 megapixels in 16 bits has 240 MiB. */
const MAX_MIB = 1_024;
/** What an image may be refused with. */
const refusals = ["IMAGE_TYPE", "IMAGE_TOO_LARGE", "IMAGE_UNREADABLE"];

interface Inspected {
  mediaType?: string;
  code?: string;
  message?: string;
  cause?: string;
  ms: number;
  peakMiB: number | null;
}

describe("hostile images", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-image-attack-"));
  const generator = new ImageAttackGenerator(seed);
  let child: ChildProcess;
  let ended: Promise<never>;

  beforeAll(() => {
    child = fork(resolve("tests/helpers/inspect-process.js"), { execArgv: [] });
    ended = once(child, "exit").then(() => {
      throw new Error("the process that inspects images ended");
    });
    ended.catch(() => undefined); // the last test ends it
  });
  afterAll(() => {
    child.kill();
    rmSync(folder, { recursive: true });
  });

  async function inspect(bytes: Buffer): Promise<Inspected> {
    const path = join(folder, "image");
    writeFileSync(path, bytes);
    child.send(path);
    const answered = once(child, "message").then(([message]) => message as Inspected);
    return Promise.race([answered, ended]);
  }

  it(
    `are stored or refused with a code, in time and memory (${numAttacks})`,
    async () => {
      const png = (await new ImageAttackGenerator(0).image(0)).bytes;
      const { peakMiB: ownMiB } = await inspect(png);
      const faults: string[] = [];
      const outcomes = new Map<string, number>();
      for (let n = 0; n < numAttacks; n++) {
        const { bytes, name } = await generator.image(n);
        const { cause, code, message = "", mediaType, ms, peakMiB } = await inspect(bytes);
        const outcome = mediaType ?? code ?? "";
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (code !== undefined && !refusals.includes(code)) {
          faults.push(`${name}: ${code} ${cause}`);
        }
        if (/\n\s+at |node_modules|\/dist\/|passwd/.test(message)) {
          faults.push(`${name}: tells ${message}`);
        }
        if (ms > patience(MAX_MS)) {
          faults.push(`${name}: took ${Math.round(ms)} ms`);
        }
        if (peakMiB !== null && peakMiB - (ownMiB ?? 0) > MAX_MIB) {
          faults.push(`${name}: took ${Math.round(peakMiB)} MiB`);
        }
      }
      expect(faults).toEqual([]);
      expect(outcomes.size).toBeGreaterThan(refusals.length); // some are stored
    },
    patience(60_000 + 400 * numAttacks),
  );

  it(
    "fetched from an address are refused in the same way",
    async () => {
      const served = await Promise.all(
        Array.from({ length: Math.ceil(numAttacks / 10) }, (_, n) => generator.image(10_000 + n)),
      );
      const server = createServer((request, response) => {
        const { bytes } = served[Number(request.url?.slice(1))];
        response.writeHead(200, { "content-type": "image/png" }).end(bytes);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const images = new RemoteImages({ allowPrivate: true, retryDelayMs: 1 });
      for (const [n, { name }] of served.entries()) {
        const got = await images
          .fetch(`http://127.0.0.1:${port}/${n}`, new AbortController().signal)
          .then(bytes => inspectImage(bytes))
          .then(
            ({ mediaType }) => mediaType,
            (error: { code?: string }) => String(error.code),
          );
        const isKnown = got.startsWith("image/") || errorCodes.some(code => code === got);
        expect({ name, got, isKnown }).toEqual({ name, got, isKnown: true });
      }
      await images.close();
      server.close();
    },
    patience(60_000 + 40 * numAttacks),
  );
});
