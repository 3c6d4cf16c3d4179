/** @file The remedy for each error, for docs/errors.md. A code of the catalogue without one does not compile. */
import type { ErrorCode } from "../errors/app-error.js";

export const errorRemedies: Readonly<Record<ErrorCode, string>> = {
  UNAUTHENTICATED:
    "Send `Authorization: Bearer <key>`; `vitrine keys create` creates a key. A revoked key stays refused.",
  TOKEN_INVALID: "Ask for a new token with `issueShopperToken`.",
  FORBIDDEN: "Use a key of the required role.",
  OTHER_USER: "A shopper's token may name its own user only; use a storefront key for others.",
  USER_NOT_FOUND: "Import the user, or record an interaction of theirs first.",
  USER_OPTED_OUT:
    "Nothing, if the user wants this. `optIn` ends it; the shop's own records of the time between are not affected.",
  ITEM_NOT_FOUND: "Check the id; it is the shop's own. Import the item if it is new.",
  NO_ITEM_TO_PERSONALIZE: "Choose another shopper with `--user`, or import more items.",
  IMAGE_NOT_FOUND: "Ask the API for the picture's URL again; it may have been replaced or deleted.",
  PERSONALIZED_IMAGE_NOT_FOUND:
    "List the pictures with `personalizedImages`; it may have been deleted with its item or shopper.",
  JOB_NOT_FOUND: "Check the id. A shopper's token sees jobs of its own user only.",
  MODEL_VERSION_NOT_FOUND: "List the versions with `rankingModels` or `vitrine rankers list`.",
  PERSONALIZER_NOT_FOUND: "List the versions with `personalizers` or `vitrine personalizers list`.",
  IMPORT_NOT_FOUND: "List the imports with `importRuns`.",
  API_KEY_NOT_FOUND: "List the keys with `apiKeys` or `vitrine keys list`.",
  INVALID_ARGUMENT: "Fix the named argument.",
  INVALID_CURSOR: "Pass a cursor unchanged, to the same list in the same order.",
  PAGE_SIZE: "Ask for fewer rows and page through the rest with `after`.",
  QUERY_TOO_COMPLEX: "Ask for smaller pages or fewer nested lists, or split the query.",
  TOO_MANY_WAITING:
    "Ask for the job again later, or end subscriptions that nobody reads. Each API key, shopper and process has a limit.",
  TOO_MANY_DOCUMENTS:
    "Use one document with variables instead of a new text for each request. Each caller and process has a limit.",
  PAYLOAD_TOO_LARGE: "Send it in several parts, or narrow the filter.",
  INDEX_NOT_BUILT: "Run `vitrine index`, or call `startIndexing`.",
  INDEX_DAMAGED:
    "Nothing: it is built again from the database. Until then the server searches exactly.",
  INDEX_STALE:
    "Run `vitrine index`: the model pack or the search engine has changed since the index was built.",
  RANKER_NOT_TRAINED: "Run `vitrine train ranker`, or call `startRankerTraining`.",
  RANKER_NOT_READY: "Wait until it is trained, or choose a version whose state is READY.",
  RANKER_DATA_CHANGED:
    "Train a version on the present data; the metrics of its training are in `vitrine rankers list --json`.",
  RANKER_IGNORES_IMAGES:
    "Train and activate MICRO, FREEDOM or VBPR (`vitrine train ranker`): they rank an item by another image.",
  RANKER_HAS_OWN_FEATURES:
    "Activate a version that was trained without `--features`; to rank another image, features of another modality than `visual` do.",
  RANKER_WITHOUT_VECTORS:
    "Choose a version of a model with vectors, such as MICRO, LightGCN or BPR-MF (`vitrine rankers list`), or write its rankings with `vitrine recommend`.",
  NOT_COMPARABLE:
    "Compare versions of one data snapshot, split and seed (`vitrine rankers list`), or evaluate them one by one.",
  NOTHING_TO_ROLL_BACK: "Activate a version by its id instead.",
  PERSONALIZER_NOT_READY: "Wait until it is trained, or choose a version whose state is READY.",
  PERSONALIZER_NOT_TRAINED:
    "Run `vitrine train personalizer`, or call `startPersonalizerTraining`.",
  PERSONALIZER_MISMATCH:
    "Train a personalizer for the loaded pack, or set `VITRINE_MODELS` to the pack it was trained for.",
  SURROGATE_MISMATCH:
    "Repeat the re-ranking with the loaded pack, the active personalizer and the active ranking model.",
  LANGUAGE_MODEL_MISSING: "Use a model pack with a folder `llm/`, such as the bundled one.",
  TOO_FEW_PAIRS: "Import more interactions, or train a ranking model on the existing ones.",
  TOO_FEW_INTERACTIONS: "Import or record more interactions first.",
  NOTHING_TO_COMPARE:
    "Import the items that nobody chose too, or wait for more users; until then popularity serves (`algorithm: popularity`).",
  NOTHING_TO_VALIDATE: "Import or record more interactions of the same users first.",
  NOTHING_SINCE:
    "Wait for new interactions, or name versions that were trained before; `vitrine evaluate` without `--since` uses the held-out items.",
  EMBEDDINGS_MISSING:
    "Run `vitrine index`, or call `startIndexing`; LightGCN, BPR-MF, EASE, iALS, ItemKNN and popularity need no embeddings.",
  FEATURES_MISSING:
    "Add a row for each item that has an interaction or is indexed; zeros for an item without features.",
  TRAINING_DIVERGED: "Train again with a lower learning rate; the active version is unchanged.",
  JOB_NOT_CANCELLABLE: "Nothing: the job has ended.",
  JOB_NOT_RETRYABLE: "Wait until the job has ended, or start another.",
  JOB_CANCELLED: "Request the work again if it is still needed.",
  STUDY_NOT_FOUND: "Check the link; list the studies with `studies` or `vitrine study list`.",
  STUDY_CLOSED:
    "Nothing: the answers given before are kept. Ask who sent the link for another study.",
  STUDY_FULL: "Create another study, or one with a larger `maxParticipants`.",
  STUDY_FINISHED: "Nothing: the answers are kept. Another person may join with the same link.",
  STUDY_UNFINISHED: "Answer the remaining tasks (`studySession` lists them), then finish.",
  STUDY_TOKEN_INVALID:
    "Join the study again with its link: the token is unknown, or the study was deleted.",
  STUDY_PARTICIPANT_NEEDED: "Call `joinStudy` and send the token that it returns.",
  STUDY_PAIR_NOT_FOUND:
    "Read the tasks again with `studySession`: a pair disappears when its user or item is deleted.",
  STUDY_PAIR_UNUSABLE: "Choose another pair, or do what the reason says.",
  TOO_MANY_REQUESTS: "Wait for the named time.",
  WORKER_LOST: "Request the work again; the worker's log says why it stopped.",
  IMAGE_DAMAGED:
    "Restore the file from a backup, or import the catalogue image again with `--refetch-images`. A personalised image is made again when it is next asked for.",
  IMAGE_UNREADABLE: "Replace the picture: it is damaged or has another type.",
  IMAGE_TOO_LARGE: "Scale the picture down.",
  IMAGE_TYPE: "Convert the picture to one of the named types.",
  MODEL_OUTPUT_INVALID:
    "Run `vitrine models verify`; an fp16 pack may overflow on this hardware, so try its fp32 export.",
  GENERATION_FAILED: "Look in the worker's log; until then the catalogue picture is shown.",
  GENERATOR_FAILED:
    "Check the server at `VITRINE_GENERATOR_URL`, its model and the key; until then the catalogue picture is shown.",
  GENERATOR_UNAVAILABLE: "Do what the message says, or unset `VITRINE_GENERATOR`.",
  MODERATION_UNAVAILABLE:
    "Install the named package beside Vitrine (`npm install nsfwjs`), or unset `VITRINE_MODERATION`.",
  FILE_NOT_FOUND:
    "Check the path; for `startImport` put the folder below `<VITRINE_HOME>/imports`.",
  FILE_MALFORMED: "Fix the file at the named place.",
  FETCH_REFUSED: "Use a public http(s) address; private ones are never fetched.",
  FETCH_FAILED: "Try again later, or import the file from a folder.",
  IMPORT_SOURCE_CHANGED: "Start the import again with `--restart`.",
  IMPORT_NOTHING_TAKEN:
    "Fix the rows as the reason says; `vitrine import catalogue --help` names the columns. Parts that were not named are stored.",
  MODEL_FILE_MISSING:
    "Fetch the pack again with `vitrine models pull NAME`; for the bundled one, install the package again.",
  MODEL_FILE_DAMAGED:
    "Fetch the pack again with `vitrine models pull NAME --refresh`; for the bundled one, install the package again. If the hub sends it like that, the catalogue or the mirror is wrong.",
  MODEL_PACK_INVALID: "Check `VITRINE_MODELS`: it must be the folder of a model pack.",
  MODEL_PACK_ABSENT:
    "Fetch it with `vitrine models pull NAME`, or check `VITRINE_MODELS`; `vitrine models list` shows the packs.",
  MODEL_PACK_UNKNOWN:
    "Choose one of the named packs, or add yours to a catalogue (`VITRINE_PACKS`, docs/models.md).",
  MODEL_PULL_RUNNING: "Wait for the named process, or stop it and run the command again.",
  MODEL_DOWNLOAD_FAILED:
    "Run `vitrine models pull` again: it resumes. Check `VITRINE_HUB_URL` and the catalogue if it fails again.",
  PACKAGE_NOT_INSTALLED:
    "Check the connection and npm's registry (`npm ping`), and try again; `npm run demo` alone needs neither.",
  OFFLINE: "Unset `VITRINE_OFFLINE`, or fetch it on another machine and copy the folder.",
  DISK_FULL:
    "Free some space, or set `VITRINE_MODEL_CACHE` or `VITRINE_HOME` to another disk; then run the command again.",
  STORAGE_UNAVAILABLE:
    "Let the process's user read and write `VITRINE_HOME`, and check its disk. Jobs that met it are tried again by themselves.",
  CONFIG_INVALID: "Fix every listed setting (docs/operations.md).",
  DATABASE_UNREACHABLE: "Check `DATABASE_URL` and that Postgres runs.",
  DATA_FOLDER_LOCKED:
    "If the process serves the API, let it do the work: the command line prints the mutation that replaces the command (`startImport`, `startIndexing`, `startRankerTraining`, `createApiKey`, …). Or stop the named process (in a container its id is the container's own, and the host is the container's name), or give this one another `VITRINE_HOME` or a `DATABASE_URL`. The lock of a killed process expires: immediately in the same container, otherwise after 15 seconds.",
  DATA_FOLDER_LOST:
    "Nothing more was written. Find out why the process was suspended for so long or what removed the folder `lock`, then start it again.",
  DATA_FOLDER_VERSION:
    "Run the version of Vitrine that made the folder, or move the folder `postgres` away and import again. Interactions recorded over the API are only in the old folder.",
  DATA_FOLDER_UNUSABLE:
    "Check that the folder can be written and the disk is not full. If its files are damaged, restore them from a backup, or move the folder away and import again.",
  MIGRATION_CHANGED: "Restore the migration file as it was applied.",
  MIGRATION_FAILED: "Repair the half-applied migration manually, then run `vitrine db migrate`.",
  SCHEMA_DRIFT: "Run the named command and commit its output.",
};
