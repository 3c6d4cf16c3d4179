import type { RenderPriority } from "../../../../src/ml/diffusion/image-generator.js";
import { RenderTurns } from "../../../../src/ml/diffusion/render-turns.js";

const never = new AbortController().signal;

/** Takes turns and records their names in order. */
function takers(turns: RenderTurns) {
  const begun: string[] = [];
  const take = (name: string, priority?: RenderPriority, signal = never) =>
    turns.take(signal, priority).then(() => void begun.push(name));
  return { begun, take };
}

const settled = () => new Promise(resolve => setImmediate(resolve));

describe("RenderTurns", () => {
  it("grants as many turns as threads, then in order of request", async () => {
    const turns = new RenderTurns(2);
    const { begun, take } = takers(turns);
    for (const name of ["a", "b", "c", "d"]) {
      void take(name);
    }
    await settled();
    expect(begun).toEqual(["a", "b"]);
    expect(turns.numWaiting).toBe(2);
    turns.handOn();
    await settled();
    expect(begun).toEqual(["a", "b", "c"]);
  });

  it("serves live requests before batch work", async () => {
    const turns = new RenderTurns(1);
    const { begun, take } = takers(turns);
    void take("running", "batch");
    void take("batch 1", "batch");
    void take("batch 2", "batch");
    void take("live 1", "live");
    void take("live 2"); // the default
    for (let i = 0; i < 4; i++) {
      turns.handOn();
    }
    await settled();
    expect(begun).toEqual(["running", "live 1", "live 2", "batch 1", "batch 2"]);
  });

  it.each<RenderPriority>(["live", "batch"])("lets a waiting %s request leave", async priority => {
    const turns = new RenderTurns(1);
    const { begun, take } = takers(turns);
    const leaving = new AbortController();
    void take("running");
    const left = take("left", priority, leaving.signal);
    void take("next", priority);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: "JOB_CANCELLED" });
    expect(turns.numWaiting).toBe(1);
    turns.handOn();
    await settled();
    expect(begun).toEqual(["running", "next"]);
  });
});
