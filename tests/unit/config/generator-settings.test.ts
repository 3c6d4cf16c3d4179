import { loadConfig } from "../../../src/config/config.js";

const load = (settings: Record<string, string>) => loadConfig(settings).generator;

describe("the settings of a generator on another machine", () => {
  it("has none by default", () => {
    expect(load({})).toBeNull();
    expect(load({ VITRINE_GENERATOR: "pack", VITRINE_GENERATOR_KEY: "unused" })).toBeNull();
  });

  it("has OpenAI's address, model and sizes", () => {
    expect(load({ VITRINE_GENERATOR: "openai", VITRINE_GENERATOR_KEY: "k" })).toEqual({
      kind: "openai",
      url: "https://api.openai.com/v1",
      key: "k",
      model: "gpt-image-1",
      sizes: [
        { widthPixels: 1024, heightPixels: 1024 },
        { widthPixels: 1536, heightPixels: 1024 },
        { widthPixels: 1024, heightPixels: 1536 },
      ],
      inputs: {},
      timeoutMs: 120_000,
      evaluationsAnImage: 20,
    });
  });

  it("reads a Cog server's", () => {
    expect(
      load({
        VITRINE_GENERATOR: "cog",
        VITRINE_GENERATOR_URL: "http://gpu.example:5000/",
        VITRINE_GENERATOR_SIZES: "512x768",
        VITRINE_GENERATOR_INPUTS: "image=input_image, seed=",
        VITRINE_GENERATOR_TIMEOUT: "30",
        VITRINE_GENERATOR_COST: "4",
      }),
    ).toMatchObject({
      url: "http://gpu.example:5000",
      key: null,
      model: null,
      sizes: [{ widthPixels: 512, heightPixels: 768 }],
      inputs: { image: "input_image", seed: null },
      timeoutMs: 30_000,
      evaluationsAnImage: 4,
    });
    expect(load({ VITRINE_GENERATOR: "cog", VITRINE_GENERATOR_MODEL: "owner/name" })).toMatchObject(
      {
        url: "https://api.replicate.com/v1",
        sizes: null,
      },
    );
  });

  it.each([
    [{ VITRINE_GENERATOR: "cog" }, "VITRINE_GENERATOR_URL: is needed"],
    [{ VITRINE_GENERATOR: "openai", VITRINE_OFFLINE: "1" }, "must be on this machine"],
    [{ VITRINE_GENERATOR: "dalle" }, "VITRINE_GENERATOR"],
    [{ VITRINE_GENERATOR_URL: "http://user:secret@host" }, "no user and no password"],
    [{ VITRINE_GENERATOR_URL: "ftp://host" }, "VITRINE_GENERATOR_URL"],
    [{ VITRINE_GENERATOR_SIZES: "large" }, "must be sizes such as"],
    [{ VITRINE_GENERATOR_INPUTS: "image" }, "must be pairs such as"],
    [{ VITRINE_GENERATOR_INPUTS: "picture=image" }, "VITRINE_GENERATOR_INPUTS"],
    [{ VITRINE_GENERATOR_TIMEOUT: "0" }, "VITRINE_GENERATOR_TIMEOUT"],
    [{ VITRINE_GENERATOR_KEY: "a b" }, "VITRINE_GENERATOR_KEY"],
  ])("refuses %j", (settings, message) => {
    expect(() => load(settings)).toThrow(message);
    expect(() => load(settings)).not.toThrow("secret");
  });

  it("is offline with a server on this machine", () => {
    const settings = { VITRINE_GENERATOR: "cog", VITRINE_OFFLINE: "1" };
    expect(load({ ...settings, VITRINE_GENERATOR_URL: "http://localhost:5000" })).not.toBeNull();
    expect(load({ ...settings, VITRINE_GENERATOR_URL: "http://[::1]:5000" })).not.toBeNull();
  });
});
