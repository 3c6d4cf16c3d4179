/** @file What the page shows, in its address: a reload keeps it, and the back button goes one step back. */
import { useSearchParams } from "react-router";

export interface PageState {
  /** The chosen user; null: the first one. */
  user: string | null;
  /** The user beside; null: none. */
  beside: string | null;
  /** The item whose drawer is open, and the user whose image it explains. */
  item: string | null;
  itemUser: string | null;
}

/** The state, and the function that changes part of it. */
export function usePageState(): [PageState, (change: Partial<PageState>) => void] {
  const [parameters, setParameters] = useSearchParams();
  const state: PageState = {
    user: parameters.get("user"),
    beside: parameters.get("beside"),
    item: parameters.get("item"),
    itemUser: parameters.get("itemUser"),
  };
  const change = (changed: Partial<PageState>) => {
    setParameters(
      before => {
        const after = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changed)) {
          if (value === null) {
            after.delete(name);
          } else {
            after.set(name, value);
          }
        }
        return after;
      },
      { preventScrollReset: true },
    );
  };
  return [state, change];
}
