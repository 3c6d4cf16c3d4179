import { Container, SimpleGrid, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Picture } from "../shared/picture";
import { ErrorState, LoadingState } from "../shared/states";
import { findDemoUsers } from "./demo-api";

export function StorefrontPage() {
  const users = useQuery({ queryKey: ["demo users"], queryFn: findDemoUsers });
  return (
    <Container component="main" size="lg" py="xl">
      <Title order={1}>Vitrine</Title>
      {users.isPending && <LoadingState label="Loading the users" />}
      {users.isError && <ErrorState error={users.error} onRetry={() => void users.refetch()} />}
      {users.data?.map(({ id, pictures, style }) => (
        <section key={id}>
          <Text>
            {id} likes {style}
          </Text>
          <SimpleGrid cols={5} maw={400}>
            {pictures.map(url => (
              <Picture key={url} src={url} alt="" />
            ))}
          </SimpleGrid>
        </section>
      ))}
    </Container>
  );
}
