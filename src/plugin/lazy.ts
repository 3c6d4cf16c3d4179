/** A value made at its first use, once; a failure is forgotten, so the next use tries again. */
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
