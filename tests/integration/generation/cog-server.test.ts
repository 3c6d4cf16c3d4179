/**
 * A real Cog server (PyPI `cog`), started without Docker. `VITRINE_TEST_COG` names a Python with cog and pillow; otherwise
 * `python3` is tried.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../../../src/errors/app-error.js";
import { CogServer, type CogServerOptions } from "../../../src/ml/remote/cog-server.js";
import { RemoteGenerator } from "../../../src/ml/remote/remote-generator.js";
import { describeImageGenerator } from "../../contracts/image-generator.contract.js";
import { patience } from "../../helpers/patience.js";
import {
  codec,
  HEIGHT,
  picture,
  pixelAt,
  request,
  WIDTH,
} from "../../unit/ml/remote/remote-pictures.js";

const PREDICTOR = `
import hashlib, time
from cog import BasePredictor, Input, Path
from PIL import Image

class Predictor(BasePredictor):
    def predict(self, prompt: str = Input(), image: Path = Input(), mask: Path = Input(default=None),
                seed: int = Input(default=0)) -> Path:
        if "wait" in prompt:
            for _ in range(600):  # Cog stops Python between two steps, as between denoising steps
                time.sleep(0.1)
        if "fail" in prompt:
            raise ValueError("the model is broken")
        picture = Image.open(str(image)).convert("RGB")
        paint = tuple(hashlib.sha256(f"{prompt} {seed}".encode()).digest()[:3])
        plain = Image.new("RGB", picture.size, paint)
        # White may change, as models on Replicate take it.
        changed = Image.open(str(mask)).convert("L") if mask else Image.new("L", picture.size, 255)
        picture.paste(plain, (0, 0), changed)
        picture.save("out.png")
        return Path("out.png")
`;

const python = process.env.VITRINE_TEST_COG ?? "python3";

function hasCog(): boolean {
  try {
    execFileSync(python, ["-c", "import cog, coglet, PIL"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>(resolve => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise(resolve => probe.close(resolve));
  return port;
}

/** @throws when the server has not finished its setup after a minute, or it ended. */
async function startCog(folder: string, port: number): Promise<ChildProcess> {
  await writeFile(join(folder, "predict.py"), PREDICTOR);
  // Its worker is started as "python": the one of this Python's folder.
  const path = `${dirname(python)}:${process.env.PATH}`;
  const started = spawn(python, ["-m", "cog.server.http", "--host", "127.0.0.1"], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: path,
      PORT: String(port),
      COG_PREDICT_TYPE_STUB: "predict.py:Predictor",
    },
    stdio: "ignore",
  });
  const deadline = Date.now() + patience(12_000);
  while (Date.now() < deadline && started.exitCode === null) {
    const health = await fetch(`http://127.0.0.1:${port}/health-check`).catch(() => null);
    const { status } = ((await health?.json()) ?? {}) as { status?: string };
    if (status === "READY") {
      return started;
    }
    await sleep(100);
  }
  started.kill("SIGKILL");
  throw new Error("the Cog server did not start");
}

const isHere = hasCog();
if (!isHere) {
  console.warn("cog-server.test.ts is skipped: no Python with cog and pillow (VITRINE_TEST_COG).");
}

(isHere ? describe : describe.skip)("a real Cog server", () => {
  let folder: string;
  let cog: ChildProcess;
  let baseUrl: string;
  const open: RemoteGenerator[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitrine-cog-"));
    const port = await freePort();
    cog = await startCog(folder, port);
    baseUrl = `http://127.0.0.1:${port}`;
  }, patience(15_000));

  afterAll(async () => {
    await Promise.all(open.map(generator => generator.close()));
    const ended = new Promise(resolve => cog.once("exit", resolve));
    cog.kill();
    await ended;
    await rm(folder, { recursive: true });
  }, patience(5_000));

  async function create(changes: Partial<CogServerOptions> = {}): Promise<RemoteGenerator> {
    const given = { baseUrl, key: null, model: null, retryDelayMs: 100, ...changes };
    const generator = await RemoteGenerator.create({
      server: new CogServer(given),
      codec,
      sizes: [{ widthPixels: 128, heightPixels: 96 }],
    });
    open.push(generator);
    return generator;
  }

  describeImageGenerator("it", async () => ({ generator: await create() }), request);

  it("keeps what the mask keeps, and paints the rest", async () => {
    const [image] = await (await create()).generate(request);
    expect([image.widthPixels, image.heightPixels]).toEqual([WIDTH, HEIGHT]);
    expect(pixelAt(image, 30, 20)).toEqual(pixelAt(picture, 30, 20));
    expect(pixelAt(image, 5, 5)).not.toEqual(pixelAt(picture, 5, 5));
  });

  it("tells why a prediction failed", async () => {
    const generator = await create();
    const work = generator.generate({ ...request, prompt: "fail" });
    await expect(work).rejects.toThrow("ValueError: the model is broken");
    await expect(work).rejects.toBeInstanceOf(AppError);
  });

  it("refuses inputs that the model does not have", async () => {
    const generator = await create({ inputs: { image: "picture" }, numRetries: 0 });
    await expect(generator.generate(request)).rejects.toMatchObject({ code: "GENERATOR_FAILED" });
  });

  it(
    "stops its prediction when the request is cancelled, and takes the next one",
    async () => {
      const generator = await create({ numRetries: 8 });
      const stopping = new AbortController();
      const work = generator.generate({ ...request, prompt: "wait" }, { signal: stopping.signal });
      setTimeout(() => {
        stopping.abort();
      }, 500);
      await expect(work).rejects.toMatchObject({ code: "JOB_CANCELLED" });
      expect(await generator.generate(request)).toHaveLength(1); // long before the other one would end
    },
    patience(8_000),
  );
});
