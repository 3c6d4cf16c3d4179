import { Button, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Picture } from "../shared/picture";
import { loadDraft, saveDraft } from "./participant";
import { SortablePictures } from "./sortable-pictures";
import classes from "./study.module.css";
import { nameOf, type Task } from "./tasks";

interface SortTaskProps {
  task: Task;
  isLast: boolean;
  isSending: boolean;
  onSorted: (ranking: string[]) => void;
}

/** One question: what it is about, and the pictures to be sorted. */
export function SortTask({ isLast, isSending, onSorted, task }: SortTaskProps) {
  const shown = task.images.map(({ id }) => id);
  const [order, setOrder] = useState(() => loadDraft(nameOf(task), shown) ?? task.answer ?? shown);
  const [isTouched, setTouched] = useState(task.answer !== null || order.join() !== shown.join());
  const [asksAgain, setAsksAgain] = useState(false);
  /** A picture keeps its letter wherever it is moved. */
  const pictures = order.map(id => {
    const at = shown.indexOf(id);
    return { id, name: `Picture ${String.fromCharCode(65 + at)}`, url: task.images[at].url };
  });
  return (
    <Stack gap="md">
      {task.question === "CLICK" ? (
        <section aria-label="What this person chose before">
          <Text mb="xs">This person chose these five products before:</Text>
          <ul className={classes.history}>
            {task.history.map(({ id, url }, at) => (
              <li key={id}>
                <Picture
                  src={url}
                  alt={`Chosen product ${at + 1} of ${task.history.length}`}
                  eager
                />
              </li>
            ))}
          </ul>
        </section>
      ) : (
        <section aria-label="The picture to compare with">
          <div className={classes.reference}>
            <Picture src={task.reference.url} alt="The picture to compare with" eager />
          </div>
        </section>
      )}
      <Text id="how-to-sort">
        {task.question === "CLICK"
          ? "Sort these pictures of one product: first the one that this person would most likely click."
          : "Sort these pictures: first the one whose meaning is most like the picture above."}
      </Text>
      <SortablePictures
        pictures={pictures}
        onChange={ids => {
          setOrder(ids);
          setTouched(true);
          saveDraft(nameOf(task), ids);
        }}
      />
      {asksAgain && !isTouched && (
        <Text role="status" fw={600}>
          You have not moved a picture. If this order is right, press the button again.
        </Text>
      )}
      <Group justify="flex-end">
        <Button
          size="md"
          loading={isSending}
          onClick={() => {
            if (isTouched || asksAgain) {
              onSorted(order);
            } else {
              setAsksAgain(true);
            }
          }}
        >
          {isLast ? "Finish" : "Continue"}
        </Button>
      </Group>
    </Stack>
  );
}
