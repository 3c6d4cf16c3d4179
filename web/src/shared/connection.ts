/** @file Whether the server answers. One watcher asks `/health` while it does not. */
import { useSyncExternalStore } from "react";

const CHECK_MS = 2_000;

let isAway = false;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();
const comeBackListeners = new Set<() => void>();

export function noteAway(): void {
  if (!isAway) {
    isAway = true;
    tell(listeners);
    timer = setTimeout(() => void check(), CHECK_MS);
  }
}

export function noteAnswer(): void {
  if (isAway) {
    isAway = false;
    clearTimeout(timer);
    tell(listeners);
    tell(comeBackListeners);
  }
}

/** Calls the listener each time the server answers again. @returns the function that ends this */
export function onComeBack(listener: () => void): () => void {
  comeBackListeners.add(listener);
  return () => comeBackListeners.delete(listener);
}

async function check(): Promise<void> {
  const answered = await fetch("/health", { cache: "no-store" }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (answered) {
    noteAnswer();
  } else if (isAway) {
    timer = setTimeout(() => void check(), CHECK_MS);
  }
}

/** Whether the server is away, or this machine is off the network. */
export function useIsAway(): boolean {
  const away = useSyncExternalStore(
    listener => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => isAway,
  );
  const offline = useSyncExternalStore(
    listener => {
      addEventListener("online", listener);
      addEventListener("offline", listener);
      return () => {
        removeEventListener("online", listener);
        removeEventListener("offline", listener);
      };
    },
    () => !navigator.onLine,
  );
  return away || offline;
}

function tell(all: ReadonlySet<() => void>): void {
  for (const listener of all) {
    listener();
  }
}
