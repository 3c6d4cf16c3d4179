import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder } from "../../../src/db/folder-lock.js";

const folder = () => mkdtempSync(join(tmpdir(), "vitrine-lock-"));

describe("lockFolder()", () => {
  it("lets one holder in at a time", () => {
    const path = folder();
    const release = lockFolder(path);
    expect(() => lockFolder(path)).toThrow(`is in use by process ${process.pid}`);
    release();
    expect(existsSync(join(path, "lock"))).toBe(false);
    lockFolder(path)();
  });

  it("refuses a folder that another living process holds", () => {
    const path = folder();
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"]);
    writeFileSync(join(path, "lock"), String(other.pid));
    try {
      expect(() => lockFolder(path)).toThrow(`is in use by process ${other.pid}`);
    } finally {
      other.kill("SIGKILL");
    }
  });

  it("takes over from a process that was killed", async () => {
    const path = folder();
    const other = spawn(process.execPath, ["-e", ""]);
    await new Promise(resolve => other.once("exit", resolve));
    writeFileSync(join(path, "lock"), String(other.pid));
    lockFolder(path)();
  });
});
