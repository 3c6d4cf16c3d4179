/** @file Actions that change something: each says first what will happen, and afterwards how it ended. */
import { Stack, Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback } from "react";
import { errorText } from "../../shared/api-error";
import { useApi } from "../../shared/api-hooks";
import type { TypedDocument } from "../../shared/typed-document";

export interface Action<Result> {
  title: string;
  /** What will happen. */
  text: ReactNode;
  /** The button's text. */
  confirm: string;
  /** Whether it cannot be undone. */
  isDangerous?: boolean;
  /** What is said when it is done. */
  done: string;
  onDone?: (result: Result) => void;
}

/** Runs a mutation after the reader has agreed; then everything on the page is read anew. */
export function useAction<Result, Variables>(document: TypedDocument<Result, Variables>) {
  const api = useApi();
  const queryClient = useQueryClient();
  const run = useCallback(
    async (variables: Variables, action: Pick<Action<Result>, "done" | "onDone" | "title">) => {
      try {
        const result = await api.request(document, variables);
        notifications.show({ color: "teal", message: action.done });
        action.onDone?.(result);
      } catch (error) {
        const { title, text } = errorText(error);
        notifications.show({ color: "red", title, message: text, autoClose: false });
      }
      await queryClient.invalidateQueries();
    },
    [api, document, queryClient],
  );
  const ask = useCallback(
    (variables: Variables, action: Action<Result>) => {
      modals.openConfirmModal({
        title: action.title,
        children: (
          <Stack gap="xs">
            {typeof action.text === "string" ? <Text size="sm">{action.text}</Text> : action.text}
          </Stack>
        ),
        labels: { confirm: action.confirm, cancel: "Keep things as they are" },
        confirmProps: { color: action.isDangerous ? "red.9" : undefined },
        onConfirm: () => void run(variables, action),
      });
    },
    [run],
  );
  return { ask, run };
}
