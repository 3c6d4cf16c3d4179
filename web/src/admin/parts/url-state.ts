/** @file Filters and pages in the address, so that reloads, links and the back button keep them. */
import { useCallback } from "react";
import { useSearchParams } from "react-router";

export interface UrlState {
  /** The value of a filter; null if it is not set. */
  get: (name: string) => string | null;
  /** Sets filters, or removes those that are null or empty, and goes to the first page. */
  set: (values: Readonly<Record<string, string | null>>) => void;
  /** The cursor of this page; null for the first. */
  after: string | null;
  goTo: (after: string | null) => void;
}

export function useUrlState(): UrlState {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (values: Readonly<Record<string, string | null>>) => {
      setParams(current => {
        const next = new URLSearchParams(current);
        for (const [name, value] of Object.entries({ after: null, ...values })) {
          if (value === null || value === "") {
            next.delete(name);
          } else {
            next.set(name, value);
          }
        }
        return next;
      });
    },
    [setParams],
  );
  return {
    get: name => params.get(name),
    set,
    after: params.get("after"),
    goTo: after => set({ after }),
  };
}

/** One of the values that a filter may have; null for any other text in the address. */
export function oneOf<Value extends string>(
  text: string | null,
  values: readonly Value[],
): Value | null {
  return values.find(value => value === text) ?? null;
}

/** A number of the address; null for any other text. */
export function numberOf(text: string | null): number | null {
  const value = text === null || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}
