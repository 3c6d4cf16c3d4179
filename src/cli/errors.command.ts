/** @file `vitrine errors`: docs/errors.md, from the error catalogue. */
import type { Command } from "commander";
import { errorCatalogue, errorCodes } from "../errors/app-error.js";
import { emittedFileCommand } from "./emitted-file.js";
import { errorRemedies } from "./error-remedies.js";

export function errorsCommand(): Command {
  return emittedFileCommand({
    name: "errors",
    description: "write the error catalogue to docs/errors.md",
    path: "docs/errors.md",
    content: errorsText,
  });
}

export function errorsText(): string {
  const sections = errorCodes.map(code => {
    const [status, message] = errorCatalogue[code];
    return `## ${code}

HTTP ${status} · \`${message.replaceAll("\n", " ")}\`

${errorRemedies[code]}
`;
  });
  return `<!-- Made by 'vitrine errors' from src/errors/app-error.ts and src/cli/error-remedies.ts: do not edit. -->

# Errors

Every fault that Vitrine can name has a code. In GraphQL it is \`extensions.code\`, and \`extensions.details\` has what the
message's braces are filled with; an answer without data has the code's HTTP status. Pictures and probes answer with the same
\`{ "errors": [{ "message", "extensions": { "code", "details" } }] }\`. The command line prints \`CODE: message\` and exits
with 1. Anything else is \`INTERNAL_SERVER_ERROR\` ("Internal server error"): its cause is in the log only. Faults of a GraphQL
document itself keep GraphQL's codes (\`GRAPHQL_PARSE_FAILED\`, \`GRAPHQL_VALIDATION_FAILED\`, \`BAD_USER_INPUT\`).

${sections.join("\n")}`;
}
