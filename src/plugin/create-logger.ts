import { pino, type Logger } from "pino";

/** JSON lines on standard error: standard output belongs to commands' results. */
export function createLogger(level: string): Logger {
  return pino({ name: "vitrine", level }, pino.destination({ dest: 2, sync: true }));
}
