import { isAbsolute } from "node:path";
import { loadConfig } from "../../../src/config/config.js";
import { AppError } from "../../../src/errors/app-error.js";

describe("loadConfig()", () => {
  it("needs nothing", () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      databaseUrl: null,
      port: 4000,
      host: "127.0.0.1",
      runJobs: true,
    });
    expect(isAbsolute(config.home)).toBe(true);
    expect(config.modelsFolder).toMatch(/models.mini$/);
    expect(Object.isFrozen(config)).toBe(true);
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

  it("takes an empty variable for one that is not set", () => {
    expect(loadConfig({ DATABASE_URL: "", VITRINE_PORT: "" })).toMatchObject({
      databaseUrl: null,
      port: 4000,
    });
  });

  it("reads origins and the public address", () => {
    const config = loadConfig({
      VITRINE_CORS_ORIGINS: "https://a.example, https://b.example",
      VITRINE_PUBLIC_URL: "https://api.example/",
    });
    expect(config.corsOrigins).toEqual(["https://a.example", "https://b.example"]);
    expect(config.publicUrl).toBe("https://api.example");
  });
});
