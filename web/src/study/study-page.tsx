import { Container } from "@mantine/core";
import { EmptyState } from "../shared/states";

/** The study's id: the path is `/study/<id>`. */
function studyId(): string {
  return decodeURIComponent(location.pathname.split("/")[2] ?? "");
}

export function StudyPage() {
  const id = studyId();
  return (
    <Container component="main" size="sm">
      <EmptyState title="There is no such study" level={1}>
        {id
          ? `No study has the id "${id}". Ask whoever sent you the link.`
          : "The link has no study's id. Ask whoever sent it to you."}
      </EmptyState>
    </Container>
  );
}
