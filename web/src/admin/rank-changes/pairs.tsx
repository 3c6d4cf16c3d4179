import { SegmentedControl, SimpleGrid, Stack, Title } from "@mantine/core";
import { useState } from "react";
import { PairsDocument } from "../../api/admin-rank-changes-rank-changes";
import { useApiQuery } from "../../shared/api-hooks";
import { EmptyState } from "../../shared/states";
import { ImageCard } from "../images/image-card";
import { QueryView } from "../parts/query-view";
import type { RankChangeFilter } from "./rank-change-filter";

/** The pictures that help and harm their items most. */
export function Pairs({ filter }: { filter: RankChangeFilter }) {
  const [direction, setDirection] = useState<"DESC" | "ASC">("DESC");
  const query = useApiQuery(PairsDocument, { filter, direction }, { keepPrevious: true });
  return (
    <Stack>
      <Title order={2} size="h4">
        Pictures with the greatest changes
      </Title>
      <SegmentedControl
        w="fit-content"
        value={direction}
        onChange={value => setDirection(value === "ASC" ? "ASC" : "DESC")}
        data={[
          { value: "DESC", label: "Best 20" },
          { value: "ASC", label: "Worst 20" },
        ]}
        aria-label="Which pictures"
      />
      <QueryView query={query}>
        {({ rankChanges: { edges } }) =>
          edges.length === 0 ? (
            <EmptyState title="No pictures" level={3} />
          ) : (
            <SimpleGrid
              cols={{ base: 1, xs: 2, md: 3, xl: 4 }}
              component="ul"
              p={0}
              style={{ listStyle: "none" }}
            >
              {edges.map(({ node: { image, ...rankChange } }) => (
                <li key={rankChange.id}>
                  <ImageCard image={{ ...image, rankChange }} />
                </li>
              ))}
            </SimpleGrid>
          )
        }
      </QueryView>
    </Stack>
  );
}
