/** A value created once, at its first use; after a failure the next use retries. */
export function lazy<T>(
  create: () => Promise<T>,
): (() => Promise<T>) & { peek(): Promise<T> | null } {
  let made: Promise<T> | null = null;
  const get = () => {
    made ??= create().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
  return Object.assign(get, { peek: () => made });
}
