/** @file Opens a page for the person who started a command. */
import { spawn } from "node:child_process";
import { browserOpener } from "../config/browser-opener.js";

/** Does nothing where no browser can be opened: the command prints the address in any case. */
export function openInBrowser(url: string): void {
  const opener = browserOpener(process.stdout.isTTY);
  if (!opener) {
    return;
  }
  const [program, ...args] = opener;
  const child = spawn(program, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => undefined); // the program is not installed
  child.unref();
}
