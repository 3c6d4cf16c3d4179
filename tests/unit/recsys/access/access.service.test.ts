import { beforeEach, describe, expect, it } from "@jest/globals";
import type { ApiKeyRow } from "../../../../src/db/rows.js";
import { AccessService, hashApiKey } from "../../../../src/recsys/access/access.service.js";

const key = `vk_${"a".repeat(43)}`;

describe("looking up a key", () => {
  let nowMs: number;
  let row: ApiKeyRow | null;
  let numReads: number;
  let touched: Date[];
  let fault: Error | null;

  beforeEach(() => {
    nowMs = Date.UTC(2026, 0, 1);
    numReads = 0;
    touched = [];
    fault = null;
    row = {
      id: "1",
      name: "till",
      keyHash: hashApiKey(key),
      role: "STOREFRONT",
      createdAt: new Date(0),
      lastUsedAt: null,
      revokedAt: null,
    };
  });

  function createProcess() {
    return new AccessService({
      apiKeys: {
        findByHash: async hash => {
          numReads++;
          if (fault) {
            throw fault;
          }
          return row?.keyHash === hash ? { ...row } : null;
        },
        touch: async (_id, at) => void touched.push(at),
        revoke: async (_name, at) => (row = { ...row!, revokedAt: at }),
        insert: () => Promise.reject(new Error("unused")),
        findPage: () => Promise.reject(new Error("unused")),
      },
      tokens: {
        issue: () => Promise.reject(new Error("unused")),
        verify: () => Promise.reject(new Error("unused")),
      },
      now: () => new Date(nowMs),
    });
  }

  const refused = { code: "UNAUTHENTICATED" };

  it("reads it once a second, also when many requests come together", async () => {
    const access = createProcess();
    await Promise.all(Array.from({ length: 20 }, () => access.authenticate(`Bearer ${key}`)));
    nowMs += 999;
    expect(await access.authenticate(`Bearer ${key}`)).toMatchObject({ role: "STOREFRONT" });
    expect(numReads).toBe(1);
    nowMs += 1;
    await access.authenticate(`Bearer ${key}`);
    expect(numReads).toBe(2);
  });

  it("refuses a revoked key at once, and in another process a second later", async () => {
    const here = createProcess();
    const there = createProcess();
    await Promise.all([here, there].map(access => access.authenticate(`Bearer ${key}`)));
    await here.revokeKey("till");
    await expect(here.authenticate(`Bearer ${key}`)).rejects.toMatchObject(refused);
    expect(await there.authenticate(`Bearer ${key}`)).toMatchObject({ kind: "KEY" });
    nowMs += 1_000;
    await expect(there.authenticate(`Bearer ${key}`)).rejects.toMatchObject(refused);
  });

  it("remembers an unknown key for a second too, and then finds one that was created", async () => {
    const access = createProcess();
    const created = row;
    row = null;
    await expect(access.authenticate(`Bearer ${key}`)).rejects.toMatchObject(refused);
    await expect(access.authenticate(`Bearer ${key}`)).rejects.toMatchObject(refused);
    expect(numReads).toBe(1);
    row = created;
    nowMs += 1_000;
    expect(await access.authenticate(`Bearer ${key}`)).toMatchObject({ keyId: "1" });
  });

  it("does not remember a failed look-up", async () => {
    const access = createProcess();
    fault = new Error("the database is away");
    await expect(access.authenticate(`Bearer ${key}`)).rejects.toThrow("the database is away");
    fault = null;
    expect(await access.authenticate(`Bearer ${key}`)).toMatchObject({ keyId: "1" });
  });

  it("writes the time of use once a minute", async () => {
    const access = createProcess();
    for (let second = 0; second < 130; second++) {
      await access.authenticate(`Bearer ${key}`);
      nowMs += 1_000;
      row = { ...row!, lastUsedAt: touched.at(-1) ?? null };
    }
    expect(touched.length).toBe(3);
  });
});
