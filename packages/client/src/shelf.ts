/** @file Requests of one moment, sent as one. */
import { VitrineError } from "./vitrine-error.js";

/** Items that the API takes in one request. */
export const MAX_SHELF = 100;

interface Waiting<Value> {
  itemId: string;
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
}

/** @returns of each item its value, or why it has none */
export type Send<Value> = (
  itemIds: readonly string[],
) => Promise<readonly (Value | VitrineError)[]>;

/** Collects what is asked for until the caller's work of this moment is done: the tiles of a shelf that is drawn. */
export class Shelf<Value> {
  readonly #groups = new Map<string, { send: Send<Value>; waiting: Waiting<Value>[] }>();

  /** @param group items of one group may share a request: same user, same options */
  ask(group: string, itemId: string, send: Send<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const open = this.#groups.get(group);
      if (open) {
        open.waiting.push({ itemId, resolve, reject });
        return;
      }
      this.#groups.set(group, { send, waiting: [{ itemId, resolve, reject }] });
      setTimeout(() => {
        this.#flush(group);
      }, 0);
    });
  }

  #flush(group: string): void {
    const { send, waiting } = this.#groups.get(group)!;
    this.#groups.delete(group);
    for (let start = 0; start < waiting.length; start += MAX_SHELF) {
      const part = waiting.slice(start, start + MAX_SHELF);
      send(part.map(({ itemId }) => itemId)).then(
        values => {
          part.forEach(({ resolve, reject }, place) => {
            const value = values[place];
            if (value instanceof VitrineError) {
              reject(value);
            } else {
              resolve(value);
            }
          });
        },
        (error: unknown) => {
          part.forEach(({ reject }) => {
            reject(error);
          });
        },
      );
    }
  }
}
