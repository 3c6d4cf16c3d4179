/** `name@version`, stored with a model's output. */
export function modelId({ name, version }: { name: string; version: string }): string {
  return `${name}@${version}`;
}
