import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPackage } from "../../../src/cli/install-package.js";

/** A program in npm's place. The real one needs a registry. */
function programOf(script: string, folder: string): string {
  const path = join(folder, "npm-stand-in");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("installPackage()", () => {
  let folder: string;
  const { signal } = new AbortController();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "vitrine-install-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const install = (npm: string, isOffline = false) =>
    installPackage("@a/shop", "1.2.3", join(folder, "to"), { isOffline, npm, signal });

  it("runs npm without scripts, and gives the package's folder", async () => {
    const npm = programOf(
      'echo "$@" > ../said; mkdir -p node_modules/@a/shop; echo hello > node_modules/@a/shop/file',
      folder,
    );
    const path = await install(npm);
    expect(path).toBe(join(folder, "to", "1.2.3", "node_modules", "@a", "shop"));
    expect(existsSync(join(path, "file"))).toBe(true);
    const said = readFileSync(join(folder, "to", "said"), "utf8");
    expect(said).toContain("--ignore-scripts");
    expect(said).toContain("@a/shop@1.2.3");
  });

  it("asks npm once, and works offline afterwards", async () => {
    await install(programOf("mkdir -p node_modules/@a/shop", folder));
    await expect(install(programOf("exit 1", folder), true)).resolves.toContain("@a");
  });

  it("refuses offline, before it asks npm", async () => {
    await expect(install(programOf("exit 1", folder), true)).rejects.toMatchObject({
      code: "OFFLINE",
    });
  });

  it.each([
    [
      "echo 'npm error code ENOTFOUND' >&2; echo 'npm error request to x failed' >&2; exit 1",
      "request to x failed",
    ],
    ["exit 0", "no such package"],
  ])("says why it failed: %s", async (script, reason) => {
    const failure = install(programOf(script, folder));
    await expect(failure).rejects.toMatchObject({ code: "PACKAGE_NOT_INSTALLED" });
    await expect(failure).rejects.toThrow(reason);
  });

  it("says that there is no npm", async () => {
    await expect(install(join(folder, "absent"))).rejects.toThrow("there is no program 'npm'");
  });

  it("does not take what a killed installation left for a package", async () => {
    mkdirSync(join(folder, "to", "1.2.3.partial", "node_modules", "@a", "shop"), {
      recursive: true,
    });
    await expect(install(programOf("exit 0", folder))).rejects.toMatchObject({
      code: "PACKAGE_NOT_INSTALLED",
    });
  });
});
