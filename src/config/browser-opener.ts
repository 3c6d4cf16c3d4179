/** @file Which program opens an address in the browser of whoever sits at this machine. */

const openers: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  linux: ["xdg-open"],
  win32: ["cmd", "/c", "start", ""],
};

/**
 * The command to which the address is added; null where nobody looks: no terminal, a CI, or a Linux without a desktop.
 *
 * @param isTerminal whether the output goes to a terminal
 */
export function browserOpener(
  isTerminal: boolean,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): readonly [string, ...string[]] | null {
  const hasDesktop = platform !== "linux" || Boolean(env.DISPLAY ?? env.WAYLAND_DISPLAY);
  const isRemote = Boolean(env.SSH_CONNECTION);
  return isTerminal && hasDesktop && !isRemote && !env.CI ? (openers[platform] ?? null) : null;
}
