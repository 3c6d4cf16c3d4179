/** @file What this browser keeps of a participation: the token, and orders that are not sent yet. A reload loses nothing. */

const prefix = "vitrine-study";

/** Storage may be refused, as in some private windows; the page then works until it is reloaded. */
function storage(): Pick<Storage, "getItem" | "removeItem" | "setItem"> {
  try {
    localStorage.setItem(prefix, "");
    return localStorage;
  } catch {
    return memory;
  }
}

const kept = new Map<string, string>();
const memory = {
  getItem: (name: string) => kept.get(name) ?? null,
  setItem: (name: string, value: string) => void kept.set(name, value),
  removeItem: (name: string) => void kept.delete(name),
};

export function loadToken(studyId: string): string {
  return storage().getItem(`${prefix}:${studyId}`) ?? "";
}

export function saveToken(studyId: string, token: string): void {
  storage().setItem(`${prefix}:${studyId}`, token);
}

export function forgetToken(studyId: string): void {
  storage().removeItem(`${prefix}:${studyId}`);
}

/** The order in which a participant left the images of a task; null if it is not one of these images. */
export function loadDraft(task: string, imageIds: readonly string[]): string[] | null {
  const text = storage().getItem(`${prefix}-draft:${task}`);
  const ids = text?.split(" ") ?? [];
  const isOfTask = ids.length === imageIds.length && imageIds.every(id => ids.includes(id));
  return isOfTask ? ids : null;
}

export function saveDraft(task: string, imageIds: readonly string[]): void {
  storage().setItem(`${prefix}-draft:${task}`, imageIds.join(" "));
}

export function forgetDraft(task: string): void {
  storage().removeItem(`${prefix}-draft:${task}`);
}
