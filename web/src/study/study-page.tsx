import { Box, Container, Group, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useMemo, useState } from "react";
import { StudySessionDocument } from "../api/study-study";
import { ApiClient } from "../shared/api-client";
import { codeOf } from "../shared/api-error";
import { ApiProvider, queryKey, useApiQuery } from "../shared/api-hooks";
import { ColorSchemeButton } from "../shared/color-scheme-button";
import { ErrorState, LoadingState } from "../shared/states";
import { Closed } from "./closed";
import { forgetToken, loadToken, saveToken } from "./participant";
import { Tasks } from "./tasks";
import { Thanks } from "./thanks";
import { Welcome } from "./welcome";

/** The study's id: the path is `/study/<id>`. */
function studyId(): string {
  return decodeURIComponent(location.pathname.split("/")[2] ?? "");
}

export function StudyPage() {
  const id = studyId();
  const queryClient = useQueryClient();
  const [token, setToken] = useState(() => loadToken(id));
  const client = useMemo(
    () => new ApiClient(`study ${id} ${token === "" ? "guest" : "participant"}`, () => token),
    [id, token],
  );
  return (
    <ApiProvider client={client}>
      <Group component="header" justify="space-between" px="md" py="xs">
        <Text fw={650}>Vitrine study</Text>
        <ColorSchemeButton />
      </Group>
      <Box component="main" pb="xl">
        {token === "" ? (
          <Welcome
            studyId={id}
            onJoined={joined => {
              saveToken(id, joined);
              setToken(joined);
            }}
          />
        ) : (
          <Participation
            onLost={() => {
              forgetToken(id);
              queryClient.removeQueries({ queryKey: queryKey(client, StudySessionDocument) });
              setToken("");
            }}
          />
        )}
      </Box>
    </ApiProvider>
  );
}

/** @param onLost the token is worth nothing any more */
function Participation({ onLost }: { onLost: () => void }) {
  const session = useApiQuery(StudySessionDocument, {});
  const code = codeOf(session.error);
  const isLost = code === "STUDY_TOKEN_INVALID" || code === "STUDY_NOT_FOUND";
  const lose = useEffectEvent(onLost);
  useEffect(() => {
    if (isLost) {
      lose();
    }
  }, [isLost]);
  if (session.data) {
    const { isFinished, tasks, title } = session.data.studySession;
    return isFinished ? <Thanks /> : <Tasks title={title} tasks={tasks} />;
  }
  if (code === "STUDY_CLOSED") {
    return <Closed />;
  }
  return session.isPending || session.error === null ? (
    <LoadingState label="Loading the study" />
  ) : (
    <Container size="sm">
      <ErrorState error={session.error} onRetry={() => void session.refetch()} />
    </Container>
  );
}
