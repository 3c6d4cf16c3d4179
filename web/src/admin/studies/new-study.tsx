import {
  Button,
  Checkbox,
  Group,
  MultiSelect,
  NumberInput,
  Paper,
  Progress,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useState } from "react";
import {
  CreateStudyDocument,
  type StudyMethod,
  StudyJobDocument,
} from "../../api/admin-studies-studies";
import { useApiMutation, useApiQuery } from "../../shared/api-hooks";
import { ErrorState } from "../../shared/states";
import { methodNames } from "./study-names";

const methods = Object.entries(methodNames).map(([value, label]) => ({ value, label }));

/** One pair a line: the user's id and the item's, with a tab, a comma or a space between them. */
function pairsOf(text: string, consent: boolean) {
  const lines = text.split("\n").filter(line => line.trim() !== "");
  return lines.map(line => {
    const [userId = "", ...rest] = line.trim().split(/[\t, ]+/);
    return { userId, itemId: rest.join(" "), consent };
  });
}

/** The form of a study, then the progress of its job. */
export function NewStudy({ onDone }: { onDone: () => void }) {
  const [title, setTitle] = useState("");
  const [chosen, setChosen] = useState<string[]>(["ORIGINAL", "SERVED", "KEYWORDS"]);
  const [pairs, setPairs] = useState("");
  const [hasConsent, setConsent] = useState(false);
  const [numbers, setNumbers] = useState({
    numPairs: 10,
    numChecks: 2,
    maxParticipants: 100,
    seed: 1,
  });
  const create = useApiMutation(CreateStudyDocument);
  const jobId = create.data?.createStudy.id;
  const named = pairsOf(pairs, hasConsent);
  const numberOf = (name: keyof typeof numbers, label: string, [min, max]: [number, number]) => (
    <NumberInput
      label={label}
      w={150}
      min={min}
      max={max}
      allowDecimal={false}
      value={numbers[name]}
      onChange={value => {
        setNumbers(before => ({ ...before, [name]: Number(value) }));
      }}
    />
  );
  return (
    <Paper
      withBorder
      p="md"
      mb="md"
      component="form"
      aria-label="New study"
      onSubmit={(event: React.FormEvent) => {
        event.preventDefault();
        create.mutate({
          input: {
            title,
            methods: chosen as StudyMethod[], // the options are these
            ...numbers,
            pairs: named.length > 0 ? named : null,
          },
        });
      }}
    >
      <Stack>
        <TextInput
          label="Title"
          description="Participants read it."
          required
          maxLength={200}
          value={title}
          onChange={event => {
            setTitle(event.currentTarget.value);
          }}
        />
        <MultiSelect
          label="Methods"
          description="At least two. Keywords only, retrieval only and untrained need a generator that reads prompts."
          data={methods}
          value={chosen}
          onChange={setChosen}
        />
        <Textarea
          label="Pairs"
          description="One a line: the user's id, then the item's. Left empty, simulated users are drawn, each with an item that they have not chosen."
          autosize
          minRows={2}
          maxRows={10}
          value={pairs}
          onChange={event => {
            setPairs(event.currentTarget.value);
          }}
        />
        {named.length > 0 && (
          <Checkbox
            label="These users agreed that participants see five pictures of their history"
            description="Not needed for simulated users."
            checked={hasConsent}
            onChange={event => {
              setConsent(event.currentTarget.checked);
            }}
          />
        )}
        <Group align="flex-end">
          {named.length === 0 && numberOf("numPairs", "Pairs to draw", [1, 60])}
          {numberOf("numChecks", "Attention checks", [0, 10])}
          {numberOf("maxParticipants", "Participants", [1, 1_000])}
          {numberOf("seed", "Seed", [0, 2_147_483_647])}
        </Group>
        {create.error && <ErrorState error={create.error} />}
        {jobId === undefined ? (
          <Group>
            <Button
              type="submit"
              loading={create.isPending}
              disabled={title.trim() === "" || chosen.length < 2}
            >
              Draw the pictures and create it
            </Button>
          </Group>
        ) : (
          <Creation
            key={jobId}
            jobId={jobId}
            onDone={onDone}
            onAgain={() => {
              create.reset();
            }}
          />
        )}
      </Stack>
    </Paper>
  );
}

interface CreationProps {
  jobId: string;
  onDone: () => void;
  onAgain: () => void;
}

function Creation({ jobId, onAgain, onDone }: CreationProps) {
  const queryClient = useQueryClient();
  const [hasEnded, setEnded] = useState(false);
  const job = useApiQuery(
    StudyJobDocument,
    { id: jobId },
    { refetchInterval: hasEnded ? false : 1_000 },
  );
  const { state, errorMessage, progress = 0, stage } = job.data?.job ?? {};
  const end = useEffectEvent(() => {
    setEnded(true);
    if (state === "SUCCEEDED") {
      void queryClient.invalidateQueries();
      onDone();
    }
  });
  useEffect(() => {
    if (state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED") {
      end();
    }
  }, [state]);
  if (state === "FAILED" || state === "CANCELLED") {
    return (
      <>
        <ErrorState error={new Error(errorMessage ?? "The job was cancelled")} />
        <Group>
          <Button variant="default" onClick={onAgain}>
            Change it and try again
          </Button>
        </Group>
      </>
    );
  }
  return (
    <Stack gap="xs" role="status">
      <Progress value={100 * progress} aria-label="Pictures drawn" animated />
      <Text size="sm">{stage === undefined || stage === "" ? "Waiting for a worker" : stage}…</Text>
    </Stack>
  );
}
