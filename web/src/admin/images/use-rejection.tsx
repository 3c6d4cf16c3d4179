/** @file Rejects a picture, after its reader has said why. */
import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useState } from "react";
import { RejectImageDocument } from "../../api/admin-images-images";
import { useAction } from "../parts/use-action";

const MODAL = "reject-image";

export function useRejection() {
  const { run } = useAction(RejectImageDocument);
  return ({ id, title }: { id: string; title: string }) =>
    modals.open({
      modalId: MODAL,
      title: "Reject this picture?",
      children: (
        <RejectForm
          title={title}
          onReject={reason => {
            modals.close(MODAL);
            void run(
              { id, reason },
              { title: "Reject", done: "The picture is rejected: nobody is shown it any more" },
            );
          }}
        />
      ),
    });
}

function RejectForm({ title, onReject }: { title: string; onReject: (reason: string) => void }) {
  const [reason, setReason] = useState("");
  const text = reason.trim();
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        onReject(text);
      }}
    >
      <Stack>
        <Text size="sm" className="shop-text">
          No user gets this picture of “{title}” any more, and its address answers with an error.
          The next request makes another, or shows the catalogue's. This cannot be undone.
        </Text>
        <Textarea
          label="Why?"
          description="The reason is kept with the picture and in the audit log."
          maxLength={500}
          autosize
          minRows={2}
          data-autofocus
          value={reason}
          onChange={event => setReason(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={() => modals.close(MODAL)}>
            Keep the picture
          </Button>
          <Button type="submit" color="red.9" disabled={text === ""}>
            Reject the picture
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
