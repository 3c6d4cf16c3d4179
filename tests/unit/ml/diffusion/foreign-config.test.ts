/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Autoencoder } from "../../../../src/ml/diffusion/autoencoder.js";
import { loadPipelineConfig } from "../../../../src/ml/diffusion/pipeline-config.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";

const TINY = "tests/golden/tiny-sd15";

describe("a pack's configuration", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "pack-"));
    await cp(TINY, folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function change(file: string, fields: object): Promise<void> {
    const path = join(folder, file);
    const config = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...config, ...fields }));
  }

  it.each([
    ["model_index.json", "force_zeros_for_empty_prompt", true],
    ["scheduler/scheduler_config.json", "algorithm_type", "sde-dpmsolver++"],
    ["scheduler/scheduler_config.json", "timestep_type", "continuous"],
    ["scheduler/scheduler_config.json", "use_beta_sigmas", true],
    ["unet/config.json", "addition_embed_type", "text_time"],
    ["unet/config.json", "class_embed_type", "timestep"],
    ["unet/config.json", "encoder_hid_dim_type", "ip_image_proj"],
    ["unet/config.json", "num_class_embeds", 10],
    ["vae_decoder/config.json", "latents_mean", [0, 0, 0, 0]],
    ["vae_decoder/config.json", "latents_std", [1, 1, 1, 1]],
  ])("of %s is refused by name for %s = %j", async (file, field, value) => {
    await change(file, { [field]: value });
    const loading = openModelPack(folder).then(loadPipelineConfig);
    await expect(loading).rejects.toMatchObject({ code: "MODEL_PACK_INVALID" });
    await expect(loading).rejects.toThrow(field);
    await expect(loading).rejects.toThrow(file);
  });

  it("may have Karras's noise levels, Python's infinity and diffusers' own fields", async () => {
    const path = join(folder, "scheduler", "scheduler_config.json");
    const karras = await readFile(
      "tests/fixtures/inputs/bugs/scheduler_config.karras.json",
      "utf8",
    );
    const more = '"_use_default_values": ["x"], "lambda_min_clipped": -Infinity }';
    await writeFile(path, karras.trim().replace(/\}$/, `, ${more}`));
    const { schedule } = await loadPipelineConfig(await openModelPack(folder));
    expect(schedule).toMatchObject({ use_karras_sigmas: true, lambda_min_clipped: "-inf" });
  });
});

describe("an autoencoder with non-finite output", () => {
  let autoencoder: Autoencoder;
  let latentSize: number;

  beforeAll(async () => {
    const pack = await openModelPack(TINY);
    const config = await loadPipelineConfig(pack);
    latentSize = config.latentChannels * config.latentHeight * config.latentWidth;
    autoencoder = await Autoencoder.load(pack, config, { numThreads: 1 });
  });
  afterAll(() => autoencoder.dispose());

  it.each([
    ["the denoiser gave", NaN, "denoiser"],
    ["the denoiser gave without bound", Infinity, "denoiser"],
    ["the decoder makes of them", 3e38, "decoder"], // finite, and beyond single precision when they are multiplied
  ])("fails with a code when %s", async (_, value, part) => {
    const latents = new Float32Array(latentSize).fill(0.1);
    latents.fill(value, 0, 40);
    await expect(autoencoder.decode(latents)).rejects.toMatchObject({
      code: "MODEL_OUTPUT_INVALID",
      details: { part, pack: "tiny-sd15" },
    });
  });

  it("decodes finite output", async () => {
    const images = await autoencoder.decode(new Float32Array(latentSize).fill(0.1));
    expect(images).toHaveLength(1);
  });
});
