import { Button, Container, Group, Progress, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import {
  FinishStudyDocument,
  type StudySessionQuery,
  StudySessionDocument,
  SubmitStudyAnswerDocument,
} from "../api/study-study";
import { codeOf } from "../shared/api-error";
import { queryKey, useApi, useApiMutation } from "../shared/api-hooks";
import { onComeBack } from "../shared/connection";
import { EmptyState, ErrorState } from "../shared/states";
import { forgetDraft } from "./participant";
import { SortTask } from "./sort-task";
import { useTaskNumber } from "./use-task-number";

export type Task = StudySessionQuery["studySession"]["tasks"][number];

/** A name of a task that another study does not have. */
export function nameOf({ pairId, question }: Task): string {
  return `${pairId} ${question}`;
}

/** The questions one after the other. Each is an entry of the browser's history, so its back button goes to the last one. */
export function Tasks({ tasks, title }: { tasks: readonly Task[]; title: string }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const firstOpen = tasks.findIndex(({ answer }) => answer === null);
  const [at, goTo] = useTaskNumber(firstOpen < 0 ? tasks.length - 1 : firstOpen, tasks.length);
  const heading = useRef<HTMLHeadingElement>(null);
  const shownBefore = useRef(at);
  const key = queryKey(api, StudySessionDocument, {});
  const refetch = () => queryClient.invalidateQueries({ queryKey: key });

  /** Another tab may have finished, the study may be closed, and a pair may be withdrawn: what the server has is right. */
  const onRefused = (error: unknown) => {
    const code = codeOf(error);
    if (code === "STUDY_FINISHED" || code === "STUDY_CLOSED") {
      void queryClient.resetQueries({ queryKey: key });
    } else if (code === "STUDY_PAIR_NOT_FOUND" || code === "STUDY_UNFINISHED") {
      notifications.show({
        message:
          code === "STUDY_PAIR_NOT_FOUND"
            ? "This question was withdrawn. Please go on with the next one."
            : "Some questions have no answer yet.",
      });
      void refetch();
    }
  };
  const finish = useApiMutation(FinishStudyDocument, {
    onSuccess: ({ finishStudy }) => {
      queryClient.setQueryData<StudySessionQuery>(key, { studySession: finishStudy });
    },
  });
  const submit = useApiMutation(SubmitStudyAnswerDocument, {
    onSuccess: async ({ submitStudyAnswer: stored }) => {
      const answered = tasks.map(task =>
        nameOf(task) === nameOf({ ...task, ...stored }) ? { ...task, answer: stored.answer } : task,
      );
      forgetDraft(nameOf(tasks[at]));
      queryClient.setQueryData<StudySessionQuery>(key, {
        studySession: { title, isFinished: false, tasks: answered },
      });
      const next = answered.findIndex(({ answer }, place) => place > at && answer === null);
      const open = next < 0 ? answered.findIndex(({ answer }) => answer === null) : next;
      if (at < tasks.length - 1 && (answered[at + 1].answer !== null || open === at + 1)) {
        goTo(at + 1);
      } else if (open >= 0) {
        goTo(open);
      } else {
        await finish.mutateAsync({}).catch(onRefused);
      }
    },
  });
  useEffect(() => {
    if (shownBefore.current !== at) {
      shownBefore.current = at;
      heading.current?.focus(); // readers of the screen hear the next question
    }
  }, [at]);

  // What failed because the server was away can be sent again: its message goes with the banner's.
  const { reset: resetSubmit } = submit;
  const { reset: resetFinish } = finish;
  useEffect(
    () =>
      onComeBack(() => {
        resetSubmit();
        resetFinish();
      }),
    [resetFinish, resetSubmit],
  );

  if (tasks.length === 0) {
    return (
      <EmptyState title="This study has no questions any more" level={1}>
        They were withdrawn. Thank you for your interest.
      </EmptyState>
    );
  }
  const task = tasks[at];
  const numAnswered = tasks.filter(({ answer }) => answer !== null).length;
  const error = submit.error ?? finish.error;
  return (
    <Container size="lg">
      <Stack gap="md">
        <Group justify="space-between" gap="xs">
          <Text c="dimmed" size="sm" className="shop-text">
            {title}
          </Text>
          <Text size="sm">
            Question {at + 1} of {tasks.length}
          </Text>
        </Group>
        <Progress
          value={(100 * numAnswered) / tasks.length}
          aria-label={`${numAnswered} of ${tasks.length} questions answered`}
        />
        <Title order={1} size="h3" ref={heading} tabIndex={-1}>
          {task.question === "CLICK"
            ? "Which picture would this person rather click?"
            : "Which picture means the same as this one?"}
        </Title>
        <SortTask
          key={nameOf(task)}
          task={task}
          isLast={at === tasks.length - 1}
          isSending={submit.isPending || finish.isPending}
          onSorted={ranking => {
            const { pairId, question } = task;
            submit.mutate({ input: { pairId, question, ranking } }, { onError: onRefused });
          }}
        />
        {error && <ErrorState error={error} />}
        {at > 0 && (
          <Group>
            <Button
              variant="subtle"
              onClick={() => {
                goTo(at - 1);
              }}
            >
              Back to the previous question
            </Button>
          </Group>
        )}
      </Stack>
    </Container>
  );
}
