/** @file Alternatives to a command when a running server holds the embedded database. */
import type { AppError } from "../errors/app-error.js";

/** Each command with an equivalent mutation -> the mutation. */
const mutations: Readonly<Record<string, string>> = {
  import: 'startImport(input: { source: CATALOGUE, folder: "NAME" }) { id state }',
  index: "startIndexing { id state }",
  "train ranker": "startRankerTraining { id state }",
  "train personalizer": "startPersonalizerTraining { id state }",
  rerank: "startRerank { id state }",
  "rankers activate": 'activateRankingModel(id: "ID") { id }',
  "rankers rollback": "rollbackRankingModel { id }",
  "personalizers activate": 'activatePersonalizer(id: "ID") { id }',
  "personalizers rollback": "rollbackPersonalizer { id }",
  "users opt-out": 'optOut(userId: "ID") { optedOutAt }',
  "users opt-in": 'optIn(userId: "ID") { optedOutAt }',
  "users erase": 'deleteUser(userId: "ID") { existed }',
  "keys create": 'createApiKey(name: "NAME", role: STOREFRONT) { key }',
  "keys revoke": 'revokeApiKey(name: "NAME") { name }',
};

/**
 * The alternatives as text; empty if no server holds the database.
 *
 * @param words The command with its subcommands and arguments, without options.
 */
export function lockedAdvice({ details }: AppError, words: readonly string[]): string {
  const { url = "" } = details;
  if (url === "") {
    return "";
  }
  const mutation = mutations[words.slice(0, 2).join(" ")] ?? mutations[words[0] ?? ""];
  const body = JSON.stringify({ query: `mutation { ${mutation} }` });
  const request = [
    "- let the server do it, with an API key of the required role (docs/api.md):",
    `    curl ${url} -H "authorization: Bearer $KEY" -H "content-type: application/json" -d '${body}'`,
    ...(words[0] === "import"
      ? [
          "    the files belong in a folder NAME below VITRINE_HOME/imports; `upsertItems` sends single items",
        ]
      : []),
  ];
  return [
    "A running `vitrine serve` holds the embedded database. The alternatives are:",
    ...(mutation === undefined ? [] : request),
    "- stop the server, run the command, start the server again",
    "- use a Postgres (DATABASE_URL): commands and any number of servers then run side by side",
  ].join("\n");
}
