import { environmentFault, isTransient, storageFault } from "../../../src/db/environment-fault.js";
import { AppError } from "../../../src/errors/app-error.js";

const coded = (code: string, more: object = {}) => Object.assign(new Error("x"), { code, ...more });

describe("environmentFault", () => {
  it.each([
    ["a refused connection", coded("ECONNREFUSED"), "DATABASE_UNREACHABLE"],
    ["a server that shuts down", coded("57P01", { severity: "FATAL" }), "DATABASE_UNREACHABLE"],
    ["too many connections", coded("53300"), "DATABASE_UNREACHABLE"],
    ["Prisma's closed connection", coded("P1017"), "DATABASE_UNREACHABLE"],
    ["what pg says", new Error("Connection terminated unexpectedly"), "DATABASE_UNREACHABLE"],
    ["a cause", new Error("x", { cause: coded("ECONNRESET") }), "DATABASE_UNREACHABLE"],
    [
      "Prisma's driver",
      coded("P2010", { meta: { driverAdapterError: coded("08006") } }),
      "DATABASE_UNREACHABLE",
    ],
    ["a full disk of Postgres", coded("53100"), "DISK_FULL"],
    ["a full disk", coded("ENOSPC"), "DISK_FULL"],
  ])("names %s", (_, error, code) => {
    expect(environmentFault(error)).toMatchObject({ code, cause: error });
    expect(isTransient(environmentFault(error))).toBe(true);
  });

  it.each([
    ["a unique constraint", coded("23505")],
    ["a fault of the work", new AppError("ITEM_NOT_FOUND", { itemId: "a" })],
    [
      "an AppError whose cause is a connection's",
      new AppError("FETCH_FAILED", { url: "u", reason: "r" }, { cause: coded("ECONNRESET") }),
    ],
    ["a plain error", new Error("Connection pool is empty")],
    ["no error", "ECONNREFUSED"],
  ])("leaves %s as it is", (_, error) => {
    expect(environmentFault(error)).toBeNull();
  });
});

describe("storageFault", () => {
  it("names a full and an unavailable disk, and no other fault", () => {
    expect(storageFault(coded("ENOSPC"), "blobs", "written")).toMatchObject({ code: "DISK_FULL" });
    expect(storageFault(coded("EROFS"), "blobs", "written")).toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: "'blobs' in VITRINE_HOME cannot be written: EROFS",
    });
    expect(storageFault(coded("ENOENT"), "blobs", "read")).toBeNull();
  });
});
