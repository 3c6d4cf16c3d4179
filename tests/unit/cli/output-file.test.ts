import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareOutput } from "../../../src/cli/output-file.js";

describe("prepareOutput()", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "output-"));
    await writeFile(join(folder, "file"), "");
  });

  afterAll(() => rm(folder, { recursive: true }));

  it("creates the folders of a file", async () => {
    await prepareOutput("--out", join(folder, "a", "b", "result.json"));
    expect(await readdir(join(folder, "a"))).toEqual(["b"]);
  });

  it("refuses a path below a file, and a folder, naming the option", async () => {
    await expect(prepareOutput("--out", join(folder, "file", "x.json"))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/^--out cannot be written to '.*x\.json': E/) as string,
    });
    await expect(prepareOutput("--output", folder)).rejects.toThrow("it is a folder");
  });
});
