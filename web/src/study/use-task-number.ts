/** @file Which task is shown, in the address after `#`: 1 is the first. */
import { useCallback, useEffect, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}

/** The place of the shown task, and a function that goes to another. An address that names no task shows `first`. */
export function useTaskNumber(
  first: number,
  numTasks: number,
): [at: number, goTo: (at: number) => void] {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const named = /^#[1-9]\d*$/.test(hash) ? Number(hash.slice(1)) - 1 : first;
  // A later question than the first open one is not shown before its turn.
  const at = Math.max(0, Math.min(named, first, numTasks - 1));
  useEffect(() => {
    if (location.hash === "") {
      history.replaceState(null, "", `#${at + 1}`); // so that the way back leads to this task
    }
  }, [at]);
  const goTo = useCallback((next: number) => {
    history.pushState(null, "", `#${next + 1}`);
    listeners.forEach(listener => {
      listener();
    });
  }, []);
  return [at, goTo];
}
