/** @file Faults of what the process runs on, by their catalogue codes: the database's connection and the disk. */
import { AppError, type ErrorCode } from "../errors/app-error.js";

/** Codes of sockets and of the system's name service. */
const SOCKET =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|E(HOST|NET)(UNREACH|DOWN))$/;
/** Postgres: connection exceptions, shutdown and start of the server, too many connections. */
const SERVER = /^(08\d{3}|57P0[1235]|53300)$/;
/** Prisma: not reachable, timed out, closed, no connection, too many; a transaction that did not begin or is gone. */
const PRISMA = /^P(1001|1002|1008|1017|1018|2024|2028|2037)$/;
/** Prisma's errors have the code of what its driver threw. */
const NAMED = /^DATABASE_UNREACHABLE$/;
/** What `pg` says without a code. */
const DRIVER =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|timeout expired)/;

/** Postgres: the disk of the database is full. */
const DATABASE_DISK_FULL = "53100";
const FULL = /^(ENOSPC|EDQUOT|EFBIG)$/;
const UNAVAILABLE = /^(EROFS|EACCES|EPERM|EIO|ENXIO|ENODEV|EMFILE|ENFILE|ESTALE)$/;

/** Faults that pass by themselves when the process's surroundings are well again: what failed may be tried again. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set([
  "DATABASE_UNREACHABLE",
  "DISK_FULL",
  "STORAGE_UNAVAILABLE",
]);

interface Coded {
  cause?: unknown;
  code?: unknown;
  message?: unknown;
  meta?: { driverAdapterError?: unknown };
}

/** The fault of the database's connection or disk that an error of `pg` or Prisma, or its cause, is; null for another. */
export function environmentFault(error: unknown): AppError | null {
  for (let fault = error; typeof fault === "object" && fault !== null;) {
    if (fault instanceof AppError) {
      return isTransient(fault) ? fault : null;
    }
    const { cause, code, message, meta } = fault as Coded;
    const name = typeof code === "string" ? code : "";
    if (name === DATABASE_DISK_FULL || name === "DISK_FULL") {
      return new AppError("DISK_FULL", { path: "the database" }, { cause: error });
    }
    if (FULL.test(name)) {
      return new AppError("DISK_FULL", { path: "the data folder" }, { cause: error });
    }
    const isLost = [SOCKET, SERVER, PRISMA, NAMED].some(codes => codes.test(name));
    if (isLost || (typeof message === "string" && DRIVER.test(message))) {
      const reason = "it does not answer"; // the cause goes to the log: it may name hosts and users
      return new AppError("DATABASE_UNREACHABLE", { reason }, { cause: error });
    }
    fault = cause ?? meta?.driverAdapterError;
  }
  return null;
}

/** Why a file of the data folder could not be read or written; null for another fault. @param path What the message names. */
export function storageFault(
  error: unknown,
  path: string,
  action: "read" | "written",
): AppError | null {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string") {
    return null;
  }
  if (FULL.test(code)) {
    return new AppError("DISK_FULL", { path }, { cause: error });
  }
  return UNAVAILABLE.test(code)
    ? new AppError("STORAGE_UNAVAILABLE", { path, action, reason: code }, { cause: error })
    : null;
}

/** Whether an error says that the process's surroundings are at fault, and not the work. */
export function isTransient(error: unknown): error is AppError {
  return error instanceof AppError && TRANSIENT.has(error.code);
}
