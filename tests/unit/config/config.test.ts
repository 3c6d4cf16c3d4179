import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { loadConfig } from "../../../src/config/config.js";
import { defaultFeedbackRules } from "../../../src/config/feedback-rules.js";
import { AppError } from "../../../src/errors/app-error.js";

describe("loadConfig()", () => {
  it("has a default for every setting", () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      databaseUrl: null,
      port: 4000,
      host: "127.0.0.1",
      runJobs: true,
    });
    expect(isAbsolute(config.home)).toBe(true);
    expect(config.modelsFolder).toBeNull(); // the catalogue decides
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("finds the model pack by name or folder", async () => {
    const home = await mkdtemp(join(tmpdir(), "vitrine-home-"));
    const folderOf = (pack: string) =>
      loadConfig({ VITRINE_HOME: home, VITRINE_MODELS: pack }).modelsFolder;
    expect(folderOf("auto")).toBeNull();
    expect(folderOf("mini")).toBe(resolve("models/mini"));
    expect(folderOf("studio")).toBe(resolve("models/studio"));
    expect(folderOf("sd15")).toBe(join(home, "models", "sd15"));
    expect(folderOf("tests")).toBe(resolve("tests")); // no pack of the cache, but a folder here
    await mkdir(join(home, "models", "tests"), { recursive: true });
    expect(folderOf("tests")).toBe(join(home, "models", "tests"));
    expect(folderOf("./tests")).toBe(resolve("tests"));
    expect(folderOf(home)).toBe(home);
    await rm(home, { recursive: true });
  });

  it("fetches packs from the hub or the configured URL, unless offline", () => {
    expect(loadConfig({})).toMatchObject({
      hubUrl: "https://huggingface.co",
      isOffline: false,
      packsFile: null,
      moderation: "none",
    });
    expect(
      loadConfig({ VITRINE_HUB_URL: "http://mirror.example/hub/", VITRINE_OFFLINE: "1" }),
    ).toMatchObject({ hubUrl: "http://mirror.example/hub", isOffline: true });
    expect(() => loadConfig({ VITRINE_HUB_URL: "ftp://mirror.example" })).toThrow(
      "VITRINE_HUB_URL",
    );
  });

  it("lists every fault at once", () => {
    const load = () =>
      loadConfig({
        DATABASE_URL: "mysql://x",
        VITRINE_PORT: "99999",
        VITRINE_TOKEN_SECRET: "short",
        VITRINE_COLOUR: "blue",
      });
    for (const name of ["DATABASE_URL", "VITRINE_PORT", "VITRINE_TOKEN_SECRET", "VITRINE_COLOUR"]) {
      expect(load).toThrow(name);
    }
    expect(load).toThrow(AppError);
  });

  describe("of feedback", () => {
    const feedback = (env: Record<string, string>) => loadConfig(env).feedback;

    it("counts ratings as liked from three quarters of the scale, or from the configured value", () => {
      expect(feedback({}).likedFrom).toBe(4);
      expect(feedback({ VITRINE_RATING_SCALE: "1-5" }).likedFrom).toBe(4);
      expect(feedback({ VITRINE_RATING_SCALE: "1 - 10" }).likedFrom).toBe(7.75);
      expect(feedback({ VITRINE_RATING_SCALE: "0-1" }).likedFrom).toBe(0.75);
      expect(feedback({ VITRINE_LIKED_FROM: "3.5" }).likedFrom).toBe(3.5);
      expect(feedback({ VITRINE_RATING_SCALE: "1-10", VITRINE_LIKED_FROM: "6" }).likedFrom).toBe(6);
    });

    it("changes the named kinds' weights only", () => {
      expect(feedback({ VITRINE_KIND_WEIGHTS: "view=0, CART=0.8" }).kindWeights).toEqual({
        ...defaultFeedbackRules.kindWeights,
        VIEW: 0,
        CART: 0.8,
      });
      expect(feedback({}).halfLifeDays).toBeNull();
      expect(feedback({ VITRINE_HALF_LIFE_DAYS: "90" }).halfLifeDays).toBe(90);
    });

    it("weights P^ret as in the paper by default", () => {
      expect(loadConfig({}).preferenceWeights).toBe("similarity");
      const VITRINE_PREFERENCE_WEIGHTS = "similarity-and-strength";
      expect(loadConfig({ VITRINE_PREFERENCE_WEIGHTS }).preferenceWeights).toBe(
        VITRINE_PREFERENCE_WEIGHTS,
      );
    });

    it("omits from recommendations the named kinds, for the configured time", () => {
      expect(loadConfig({}).seen).toEqual({
        VIEW: 7,
        CLICK: 7,
        CART: 30,
        LIKE: Infinity,
        PURCHASE: Infinity,
        RATING: Infinity,
      });
      expect(loadConfig({ VITRINE_SEEN_DAYS: "view=0, CART=always" }).seen).toMatchObject({
        VIEW: 0,
        CLICK: 7,
        CART: Infinity,
      });
    });

    it.each<[env: Record<string, string>, fault: string]>([
      [{ VITRINE_SEEN_DAYS: "WISH=3" }, "VITRINE_SEEN_DAYS"],
      [{ VITRINE_SEEN_DAYS: "VIEW=-1" }, "such as VIEW=7"],
      [{ VITRINE_RATING_SCALE: "5-1" }, "must start with the lower number"],
      [{ VITRINE_RATING_SCALE: "five stars" }, "such as 1-10"],
      [{ VITRINE_RATING_SCALE: "1-5", VITRINE_LIKED_FROM: "8" }, "at most 5"],
      [{ VITRINE_LIKED_FROM: "0" }, "VITRINE_LIKED_FROM"],
      [{ VITRINE_KIND_WEIGHTS: "WISH=1" }, "VITRINE_KIND_WEIGHTS"],
      [{ VITRINE_KIND_WEIGHTS: "VIEW" }, "such as VIEW=0.5"],
      [{ VITRINE_KIND_WEIGHTS: "VIEW=-1" }, "such as VIEW=0.5"],
      [
        { VITRINE_KIND_WEIGHTS: "VIEW=0,CLICK=0,CART=0,LIKE=0,PURCHASE=0,RATING=0" },
        "nothing is ever a choice",
      ],
      [{ VITRINE_HALF_LIFE_DAYS: "0" }, "VITRINE_HALF_LIFE_DAYS"],
    ])("refuses %o", (env, fault) => {
      expect(() => loadConfig(env)).toThrow(fault);
    });
  });

  it.each([
    { VITRINE_CORS_ORIGINS: "*" },
    { VITRINE_CORS_ORIGINS: "https://a.example,https://b.example/" },
    { VITRINE_CORS_ORIGINS: "https://a.example/shop" },
    { VITRINE_CORS_ORIGINS: "https://A.example" },
    { VITRINE_CORS_ORIGINS: "https://a.example:443" },
    { VITRINE_CORS_ORIGINS: "a.example" },
    { VITRINE_CORS_ORIGINS: "null" },
    { VITRINE_PORT: " " },
    { VITRINE_PORT: "0x10" },
    { VITRINE_PORT: "4e3" },
    { VITRINE_PORT: "40.0" },
    { VITRINE_RENDER_THREADS: "1e1" },
    { VITRINE_HOME: " " },
    { VITRINE_HOME: "data " },
    { VITRINE_TOKEN_SECRET: " ".repeat(40) },
    { VITRINE_HOST: "http://0.0.0.0" },
    { VITRINE_HOST: "0.0.0.0:4000" },
    { VITRINE_HOST: "[::1]" },
    { VITRINE_PUBLIC_URL: "https://shop.example/?a=1" },
    { VITRINE_HUB_URL: "https://hub.example/#top" },
    { DATABASE_URL: "postgresql://user:a#b@host:port/db" },
  ] as Record<string, string>[])("refuses %o, which is meaningless", env => {
    const [name] = Object.keys(env);
    expect(() => loadConfig(env)).toThrow(name);
  });

  it("reports origins that no browser sends", () => {
    const VITRINE_CORS_ORIGINS = "https://a.example,https://b.example/";
    expect(() => loadConfig({ VITRINE_CORS_ORIGINS })).toThrow(/but got https:\/\/b\.example\/$/);
  });

  it.each(["localhost", "::1", "::", "0.0.0.0", "shop-1.internal"])("listens at %s", host => {
    expect(loadConfig({ VITRINE_HOST: host }).host).toBe(host);
  });

  it("treats an empty variable as unset", () => {
    expect(loadConfig({ DATABASE_URL: "", VITRINE_PORT: "" })).toMatchObject({
      databaseUrl: null,
      port: 4000,
    });
  });

  it("reads origins and the public URL", () => {
    const config = loadConfig({
      VITRINE_CORS_ORIGINS: "https://a.example, https://b.example",
      VITRINE_PUBLIC_URL: "https://api.example/",
    });
    expect(config.corsOrigins).toEqual(["https://a.example", "https://b.example"]);
    expect(config.publicUrl).toBe("https://api.example");
  });
});
