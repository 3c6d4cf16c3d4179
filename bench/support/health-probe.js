/**
 * @file Times `/health` from a process of its own, so that a busy client is not taken for a busy server:
 * `node health-probe.js ORIGIN`. The message `{ count, pauseMs }` is answered with the times in milliseconds.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";

const pool = new Pool(process.argv[2], { connections: 1 });

async function probe({ count, pauseMs }) {
  const times = [];
  for (let n = 0; n < count; n++) {
    const startMs = performance.now();
    const { body, statusCode } = await pool.request({ path: "/health", method: "GET" });
    await body.dump();
    times.push(performance.now() - startMs);
    if (statusCode !== 200) {
      throw new Error(`health-probe: /health answered ${statusCode}`);
    }
    await delay(pauseMs);
  }
  return times;
}

process.on("message", async message => process.send(await probe(message)));
process.on("disconnect", () => process.exit(0));
