import { Group, NumberInput, Select, SimpleGrid } from "@mantine/core";
import { type ImagesQueryVariables, ImagesDocument } from "../../api/admin-images-images";
import { useApiQuery } from "../../shared/api-hooks";
import { formatTime } from "../../shared/formats";
import { EmptyState } from "../../shared/states";
import { FilterField } from "../parts/filter-field";
import { PageHead } from "../parts/page-head";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { numberOf, oneOf, type UrlState, useUrlState } from "../parts/url-state";
import { ImageCard } from "./image-card";

const PAGE_SIZE = 24;

const states = ["served", "kept", "rejected"] as const;
const faults = [
  "BLANK",
  "NOISE",
  "UNLIKE_REFERENCE",
  "OFF_CAPTION",
  "UNSAFE",
  "PRODUCT_CHANGED",
  "BLURRED",
  "REJECTED",
];

function filterOf({ get }: UrlState): NonNullable<ImagesQueryVariables["filter"]> {
  const state = oneOf(get("state"), states);
  return {
    userId: get("user"),
    itemId: get("item"),
    modelVersionId: get("model"),
    minDeltaR: numberOf(get("min")),
    maxDeltaR: numberOf(get("max")),
    fault: get("fault"),
    isServed: state === "served" ? true : state === "kept" ? false : null,
    isRejected: state === "rejected" ? true : state === "kept" ? false : null,
  };
}

export function Page() {
  const url = useUrlState();
  const variables = { first: PAGE_SIZE, after: url.after, filter: filterOf(url) };
  const query = useApiQuery(ImagesDocument, variables, { keepPrevious: true });
  const versions = query.data?.rankingModels.edges ?? [];
  return (
    <>
      <PageHead title="Images">
        Personalised pictures beside the catalogue's, newest first. A rejected one is shown to
        nobody any more.
      </PageHead>
      <Group mb="md" align="flex-end" gap="sm" role="search" aria-label="Filter of the images">
        <FilterField label="User" value={url.get("user")} onChange={user => url.set({ user })} />
        <FilterField label="Item" value={url.get("item")} onChange={item => url.set({ item })} />
        <Select
          label="Ranking model"
          placeholder="All"
          size="xs"
          w={220}
          clearable
          data={versions.map(({ node }) => ({
            value: node.id,
            label: `${node.algorithm}, ${formatTime(node.createdAt)}`,
          }))}
          value={url.get("model")}
          onChange={model => url.set({ model })}
        />
        <Select
          label="Shown"
          placeholder="All"
          size="xs"
          w={170}
          clearable
          data={[
            { value: "served", label: "Shown to their user" },
            { value: "kept", label: "Item ranks lower" },
            { value: "rejected", label: "Rejected" },
          ]}
          value={oneOf(url.get("state"), states)}
          onChange={state => url.set({ state })}
        />
        <Select
          label="A candidate's fault"
          placeholder="All"
          size="xs"
          w={170}
          clearable
          data={faults}
          value={oneOf(url.get("fault"), faults)}
          onChange={fault => url.set({ fault })}
        />
        <Bound label="ΔR from" name="min" url={url} />
        <Bound label="ΔR to" name="max" url={url} />
      </Group>
      <QueryView query={query} label="Reading the images">
        {({ personalizedImages: { edges, pageInfo } }) =>
          edges.length === 0 ? (
            <EmptyState title="No such picture">
              Pictures appear here when the shop asks for them. Fewer filters show more.
            </EmptyState>
          ) : (
            <>
              <SimpleGrid
                cols={{ base: 1, xs: 2, md: 3, xl: 4 }}
                component="ul"
                p={0}
                style={{ listStyle: "none" }}
              >
                {edges.map(({ node }) => (
                  <li key={node.id}>
                    <ImageCard image={node} />
                  </li>
                ))}
              </SimpleGrid>
              <Pager url={url} pageInfo={pageInfo} isLoading={query.isPlaceholderData} />
            </>
          )
        }
      </QueryView>
    </>
  );
}

function Bound({ label, name, url }: { label: string; name: "min" | "max"; url: UrlState }) {
  return (
    <NumberInput
      label={label}
      size="xs"
      w={90}
      max={1}
      step={0.1}
      decimalScale={3}
      defaultValue={numberOf(url.get(name)) ?? ""}
      onBlur={event => url.set({ [name]: event.currentTarget.value })}
    />
  );
}
