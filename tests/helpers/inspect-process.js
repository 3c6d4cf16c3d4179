/**
 * @file Inspects images in a process of its own, by the built code: `node inspect-process.js`. Each message is the path of a
 * file; the answer says what came of it, in what time, and how much memory the process had at most.
 */
import { readFile, writeFile } from "node:fs/promises";
import { inspectImage } from "../../dist/db/image-codec.js";

/** The kernel's highest resident memory since the last reset; null off Linux. */
async function peakMiB() {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return kib === undefined ? null : Number(kib) / 1_024;
}

process.on("message", async path => {
  const bytes = await readFile(path);
  await writeFile("/proc/self/clear_refs", "5").catch(() => undefined);
  const beganMs = performance.now();
  const outcome = await inspectImage(bytes).then(
    ({ mediaType }) => ({ mediaType }),
    error => ({ code: error.code ?? "none", message: String(error.message), cause: String(error) }),
  );
  process.send({ ...outcome, ms: performance.now() - beganMs, peakMiB: await peakMiB() });
});
process.on("disconnect", () => process.exit(0));
