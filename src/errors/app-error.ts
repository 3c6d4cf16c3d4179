/** @file Every error the product can name, in one catalogue (docs/errors.md is made from it). Anything else is masked. */

/** The HTTP status, then the message; `{name}` is filled from the error's details. */
const catalogue = {
  // ── who is asking ──
  UNAUTHENTICATED: "401 A valid API key or shopper token is needed",
  TOKEN_INVALID: "401 The shopper token is not valid: {reason}",
  FORBIDDEN: "403 The role '{role}' may not do this; it needs {needed}",
  OTHER_USER: "403 The token is for another user than '{userId}'",
  // ── what is asked for ──
  USER_NOT_FOUND: "404 No user with id '{userId}'",
  USER_OPTED_OUT: "409 The user '{userId}' opted out of personalisation; nothing is recorded",
  ITEM_NOT_FOUND: "404 No item with id '{itemId}'",
  NO_ITEM_TO_PERSONALIZE: "404 There is no item with a picture that '{userId}' has not liked yet",
  IMAGE_NOT_FOUND: "404 No image with hash '{hash}'",
  PERSONALIZED_IMAGE_NOT_FOUND: "404 No personalised picture with id '{imageId}'",
  JOB_NOT_FOUND: "404 No job with id '{jobId}'",
  MODEL_VERSION_NOT_FOUND: "404 No ranking-model version '{versionId}'",
  PERSONALIZER_NOT_FOUND: "404 No personalizer version '{versionId}'",
  IMPORT_NOT_FOUND: "404 No import with id '{importId}'",
  API_KEY_NOT_FOUND: "404 No API key '{name}'",
  INVALID_ARGUMENT: "400 {argument} {problem}",
  INVALID_CURSOR: "400 The cursor '{cursor}' is not one this list gave",
  PAGE_SIZE: "400 'first' must be between 1 and {max}, but got {got}",
  QUERY_TOO_COMPLEX: "400 The query's complexity is {got}; at most {max} is allowed",
  TOO_MANY_WAITING:
    "429 At most {max} requests may wait for jobs at once; ask for the job again later",
  TOO_MANY_DOCUMENTS:
    "429 At most {max} new documents may wait to be validated; send this one again later",
  PAYLOAD_TOO_LARGE: "413 {what} has {got}; at most {max} is allowed",
  // ── what is not ready ──
  INDEX_NOT_BUILT: "503 The caption index is not built; run 'vitrine index'",
  INDEX_DAMAGED: "503 The stored caption index is damaged: {reason}",
  INDEX_STALE: "503 The caption index was made by {found}, but {expected} is in use",
  RANKER_NOT_TRAINED: "503 No ranking model is active; run 'vitrine train ranker'",
  RANKER_NOT_READY:
    "409 The ranking-model version '{versionId}' is {state} and cannot be activated",
  RANKER_DATA_CHANGED:
    "409 What the ranking-model version '{versionId}' was trained on has changed; its held-out items cannot be told",
  RANKER_IGNORES_IMAGES:
    "409 The active ranking model, {algorithm}, does not rank items by their images",
  RANKER_HAS_OWN_FEATURES:
    "409 The ranking model, {algorithm}, was trained on '{modality}' features of the shop's own, for which the model pack's embeddings cannot stand in",
  RANKER_WITHOUT_VECTORS:
    "409 The ranking-model version '{versionId}', {algorithm}, has no vectors of users and items",
  NOT_COMPARABLE: "422 '{first}' and '{second}' cannot be compared: {reason}",
  NOTHING_TO_ROLL_BACK: "409 There is no earlier version to go back to",
  PERSONALIZER_NOT_READY:
    "409 The personalizer version '{versionId}' is {state} and cannot be activated",
  PERSONALIZER_NOT_TRAINED: "503 No personalizer is active; run 'vitrine train personalizer'",
  PERSONALIZER_MISMATCH:
    "409 The personalizer was trained for the model pack {trainedFor}, but {generator} is loaded",
  SURROGATE_MISMATCH: "409 The surrogate of images was fitted for {fittedFor}, not for {current}",
  LANGUAGE_MODEL_MISSING: "503 The model pack '{pack}' has no language model to personalise with",
  TOO_FEW_PAIRS: "422 A training needs at least {needed} pairs of user and item, but got {got}",
  TOO_FEW_INTERACTIONS: "422 The ranker needs at least {needed} interactions, but got {got}",
  NOTHING_TO_COMPARE:
    "422 A ranker learns from what users chose and what they did not, but no user has chosen some items and not others",
  NOTHING_TO_VALIDATE:
    "422 No user has an item to validate on: a user needs three choices to have one held out",
  NOTHING_SINCE:
    "422 No user chose an item after {time} that the versions rank: nothing to compare them on",
  EMBEDDINGS_MISSING:
    "503 {model} learns from the items' embeddings, and there are none; run 'vitrine index'",
  FEATURES_MISSING:
    "422 {numMissing} of {numItems} items have no row of features '{modality}', such as '{first}'",
  TRAINING_DIVERGED:
    "500 Training '{model}' gave values that are not numbers; lower the learning rate",
  JOB_NOT_CANCELLABLE: "409 The job '{jobId}' is {state} and cannot be cancelled",
  JOB_NOT_RETRYABLE:
    "409 The job '{jobId}' is {state}; only one that failed or was cancelled can be tried again",
  JOB_CANCELLED: "409 The job was cancelled",
  // ── studies ──
  STUDY_NOT_FOUND: "404 No study with id '{studyId}'",
  STUDY_CLOSED: "410 The study is closed",
  STUDY_FULL: "409 The study has its {max} participants",
  STUDY_FINISHED: "409 The participant has finished; their answers cannot change",
  STUDY_UNFINISHED: "409 {missing} answers are missing",
  STUDY_TOKEN_INVALID: "401 The participant's token is not valid",
  STUDY_PARTICIPANT_NEEDED: "403 Only a participant of a study may do this",
  STUDY_PAIR_NOT_FOUND: "404 The study has no pair '{pairId}' with this question",
  STUDY_PAIR_UNUSABLE: "422 The item '{itemId}' cannot be shown for the user '{userId}': {reason}",
  TOO_MANY_REQUESTS: "429 Too many requests; try again in {seconds} seconds",
  WORKER_LOST: "500 The worker that ran the job stopped",
  // ── pictures ──
  IMAGE_DAMAGED: "500 The file of the image '{hash}' is damaged",
  IMAGE_UNREADABLE: "422 The picture cannot be decoded: {reason}",
  IMAGE_TOO_LARGE: "422 The picture has {got} {unit}; at most {max} is allowed",
  IMAGE_TYPE: "422 The picture is {got}; JPEG, PNG, WebP, AVIF, GIF or SVG is needed",
  GENERATION_FAILED: "500 The picture could not be generated",
  GENERATOR_FAILED: "502 The image generator at '{host}' failed: {reason}",
  GENERATOR_UNAVAILABLE: "500 The image generator '{kind}' cannot be used: {reason}",
  MODEL_OUTPUT_INVALID: "500 The {part} of the model pack '{pack}' gave values that are no numbers",
  MODERATION_UNAVAILABLE: "500 Pictures cannot be moderated by '{package}': {reason}",
  // ── files and sources ──
  FILE_NOT_FOUND: "404 No file '{path}'",
  FILE_MALFORMED: "422 '{path}' is not {expected}: {reason}",
  FETCH_REFUSED: "422 '{url}' may not be fetched: {reason}",
  FETCH_FAILED: "502 '{url}' could not be fetched: {reason}",
  IMPORT_SOURCE_CHANGED: "409 '{path}' changed since the import began; start again with --restart",
  IMPORT_NOTHING_TAKEN: "422 Nothing of the {part} was taken: {reason}",
  MODEL_FILE_MISSING: "500 The model pack '{pack}' has no file '{path}'",
  MODEL_FILE_DAMAGED:
    "500 The model pack '{pack}' has files that do not match their checksums: {path}; run 'vitrine models pull {pack} --refresh', or install the package again for a bundled pack",
  MODEL_PACK_INVALID: "500 '{path}' is not a model pack: {reason}",
  MODEL_PACK_ABSENT: "500 There is no model pack at '{path}'",
  MODEL_PACK_UNKNOWN: "404 No model pack is called '{pack}'; those that can be fetched are {known}",
  MODEL_PULL_RUNNING: "409 Process {pid} on {host} is fetching the model pack '{pack}'",
  MODEL_DOWNLOAD_FAILED: "502 '{url}' could not be fetched: {reason}",
  PACKAGE_NOT_INSTALLED: "502 npm could not install '{name}': {reason}",
  OFFLINE: "503 {what} is not fetched: VITRINE_OFFLINE forbids the network",
  // ── the process ──
  DISK_FULL: "507 There is not enough space left for '{path}'",
  STORAGE_UNAVAILABLE: "503 '{path}' in VITRINE_HOME cannot be {action}: {reason}",
  CONFIG_INVALID: "500 The configuration has faults:\n{faults}",
  DATABASE_UNREACHABLE: "503 The database cannot be reached: {reason}",
  DATA_FOLDER_LOCKED: "409 '{path}' is in use by process {pid} on {host}{serving}",
  DATA_FOLDER_LOST: "503 Another process took '{path}' from this one: {reason}",
  DATA_FOLDER_VERSION:
    "500 '{path}' was made by Postgres {found}, but the embedded one is Postgres {expected}",
  DATA_FOLDER_UNUSABLE: "500 The data folder '{path}' cannot be used: {reason}",
  MIGRATION_CHANGED: "500 The migration '{name}' was edited after it was applied",
  MIGRATION_FAILED:
    "500 The migration '{name}' is half applied; repair it, then run 'vitrine db migrate'",
  SCHEMA_DRIFT: "500 {file} is not what the code says; run '{command}'",
} as const satisfies Record<string, `${number} ${string}`>;

export type ErrorCode = keyof typeof catalogue;

export const errorCodes = Object.keys(catalogue) as ErrorCode[];

/** `[HTTP status, message template]` of each code. */
export const errorCatalogue = Object.fromEntries(
  Object.entries(catalogue).map(([code, text]) => [
    code,
    [Number(text.slice(0, 3)), text.slice(4)],
  ]),
) as unknown as Readonly<Record<ErrorCode, readonly [status: number, template: string]>>;

/** A known fault, named by a code the client can branch on. A programming error is a plain `Error` instead. */
export class AppError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** What a GraphQL answer says of the error besides its message: graphql-js copies it into the answer, in every server. */
  readonly extensions: Readonly<{ code: ErrorCode; details: AppError["details"] }>;

  constructor(
    readonly code: ErrorCode,
    readonly details: Readonly<Record<string, string | number>> = {},
    options?: ErrorOptions,
  ) {
    const [status, template] = errorCatalogue[code];
    super(
      template.replace(/\{(\w+)\}/g, (_, name: string) => String(details[name])),
      options,
    );
    this.name = "AppError";
    this.status = status;
    this.extensions = { code, details };
  }
}
