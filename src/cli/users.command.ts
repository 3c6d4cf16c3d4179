/** @file `vitrine users`: what a user may ask of the shop. */
import { Command } from "commander";
import type { CliContext } from "./cli-context.js";
import { withServices } from "./with-services.js";

export function usersCommand(context: CliContext): Command {
  const command = new Command("users").description(
    "users: opt out of personalisation and in again, export and erase",
  );

  command
    .command("opt-out <userId>")
    .description("stop personalising for a user; nothing is deleted, and nothing new is recorded")
    .option("--json", "print one JSON line")
    .action(async (userId: string, { json = false }: { json?: boolean }) => {
      const { optedOutAt } = await withServices(context, ({ optOuts }) => optOuts.optOut(userId));
      console.log(json ? JSON.stringify({ userId, optedOutAt }) : `${userId} is opted out`);
    });

  command
    .command("opt-in <userId>")
    .description("end an opt-out; what was recorded before counts again")
    .option("--json", "print one JSON line")
    .action(async (userId: string, { json = false }: { json?: boolean }) => {
      const { optedOutAt } = await withServices(context, ({ optOuts }) => optOuts.optIn(userId));
      console.log(json ? JSON.stringify({ userId, optedOutAt }) : `${userId} is not opted out`);
    });

  command
    .command("export <userId>")
    .description("print everything that is stored of a user, as JSON")
    .action(async (userId: string) => {
      const record = await withServices(context, ({ userRecords }) => userRecords.export(userId));
      console.log(JSON.stringify(record, null, 2));
    });

  command
    .command("erase <userId>")
    .description("delete a user with their interactions, jobs and images; it cannot be undone")
    .option("--json", "print one JSON line")
    .action(async (userId: string, { json = false }: { json?: boolean }) => {
      const erased = await withServices(context, ({ erasure }) => erasure.deleteUser(userId));
      const { existed, images, interactions } = erased;
      const text = existed
        ? `erased ${userId}: ${interactions} interactions, ${images} images`
        : `there is no user ${userId}`;
      console.log(json ? JSON.stringify({ userId, ...erased }) : text);
    });
  return command;
}
