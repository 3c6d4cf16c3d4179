/** @file The API key of this tab: in session storage, so that a reload keeps it and closing the tab forgets it. */
const NAME = "vitrine.key";

export function loadKey(): string {
  return sessionStorage.getItem(NAME) ?? "";
}

export function saveKey(key: string): void {
  sessionStorage.setItem(NAME, key);
}

export function forgetKey(): void {
  sessionStorage.removeItem(NAME);
}
