/** @file How many may wait for jobs at once, so that no caller can fill the process. */
import { AppError } from "../../errors/app-error.js";
import type { Viewer } from "../access/viewer.js";

export interface WaitingLimits {
  /** Of all callers of this process. */
  ofProcess: number;
  /** Of one API key: a storefront's server waits for many shoppers. */
  ofKey: number;
  /** Of one shopper's token, whatever its number of sockets. */
  ofShopper: number;
}

export const defaultWaitingLimits: WaitingLimits = {
  ofProcess: 4_000,
  ofKey: 2_000,
  ofShopper: 50,
};

/** Who waits; its name tells callers apart. */
export interface Waiting {
  kind: Viewer["kind"];
  name: string;
}

export function waitingOf(viewer: Viewer): Waiting {
  const { kind } = viewer;
  switch (kind) {
    case "KEY":
      return { kind, name: viewer.keyId };
    case "SHOPPER":
      return { kind, name: viewer.userId };
    case "PARTICIPANT":
      return { kind, name: viewer.participantId };
  }
}

export class WaitingPlaces {
  private readonly taken = new Map<string, number>();
  private numTaken = 0;

  constructor(private readonly limits: WaitingLimits = defaultWaitingLimits) {}

  /**
   * Takes a place.
   *
   * @param waiting Default: a caller inside this process, which only the limit of the process holds.
   * @returns the function that gives it back; more calls do nothing.
   * @throws AppError `TOO_MANY_WAITING`
   */
  take(waiting?: Waiting): () => void {
    const { ofKey, ofProcess, ofShopper } = this.limits;
    const key = waiting ? `${waiting.kind} ${waiting.name}` : "";
    const own = this.taken.get(key) ?? 0;
    const max = !waiting ? ofProcess : waiting.kind === "KEY" ? ofKey : ofShopper;
    if (own >= max) {
      throw new AppError("TOO_MANY_WAITING", { max });
    }
    if (this.numTaken >= ofProcess) {
      throw new AppError("TOO_MANY_WAITING", { max: ofProcess });
    }
    this.numTaken++;
    this.taken.set(key, own + 1);
    let isTaken = true;
    return () => {
      if (isTaken) {
        isTaken = false;
        this.numTaken--;
        const left = this.taken.get(key)! - 1;
        if (left > 0) {
          this.taken.set(key, left);
        } else {
          this.taken.delete(key);
        }
      }
    };
  }
}
