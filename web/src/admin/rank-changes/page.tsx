import {
  Button,
  Card,
  Group,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Tabs,
  Text,
  Title,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import {
  ExportDocument,
  SummaryDocument,
  type SummaryQuery,
} from "../../api/admin-rank-changes-rank-changes";
import { errorText } from "../../shared/api-error";
import { useApi, useApiQuery } from "../../shared/api-hooks";
import { countOf, formatChange, formatNumber, formatShare, formatTime } from "../../shared/formats";
import { EmptyState, LoadingState } from "../../shared/states";
import { download } from "../parts/download";
import { Figure } from "../parts/figure";
import { FilterField } from "../parts/filter-field";
import { PageHead } from "../parts/page-head";
import { QueryView } from "../parts/query-view";
import { oneOf, useUrlState } from "../parts/url-state";
import { Groups } from "./groups";
import { Pairs } from "./pairs";
import { filterOf } from "./rank-change-filter";

const Histogram = lazy(async () => ({ default: (await import("./histogram")).Histogram }));
const tabs = ["CATEGORY", "DAY", "MODEL_VERSION"] as const;

export function Page() {
  const url = useUrlState();
  const api = useApi();
  const filter = filterOf(url);
  const query = useApiQuery(SummaryDocument, { filter }, { keepPrevious: true });
  const save = useMutation({
    mutationFn: () => api.request(ExportDocument, { filter }),
    onSuccess: ({ rankChangesCsv }) => download("rank-changes.csv", rankChangesCsv, "text/csv"),
    onError: error => {
      const { title, text } = errorText(error);
      notifications.show({ color: "red", title, message: text, autoClose: false });
    },
  });
  const tab = oneOf(url.get("by"), tabs) ?? "CATEGORY";
  return (
    <>
      <PageHead
        title="Rank changes"
        actions={
          <Button
            variant="default"
            loading={save.isPending}
            leftSection={<IconDownload size={16} aria-hidden />}
            onClick={() => save.mutate()}
          >
            Save as CSV
          </Button>
        }
      >
        How personalised pictures change their items' ranks: ΔR is positive where an item ranks
        better with its picture. Intervals are 95 % bootstrap intervals over users.
      </PageHead>
      <Filters url={url} versions={query.data?.rankingModels.edges ?? []} />
      <QueryView query={query} label="Reading the rank changes">
        {({ rankChangeSummary: summary }) =>
          summary.requests.count === 0 ? (
            <EmptyState title="No rank changes">
              {summary.modelVersionId === null
                ? "No ranking model is active, so nothing ranks pictures."
                : "No picture was ranked that fits the filters."}
            </EmptyState>
          ) : (
            <Stack>
              <Summary summary={summary} isServed={url.get("effect") === "served"} />
              <Card withBorder>
                <Title order={2} size="h5" mb="sm">
                  Distribution of ΔR over {countOf(summary.count, "picture")}
                </Title>
                <Suspense fallback={<LoadingState />}>
                  <Histogram bins={summary.histogram} />
                </Suspense>
              </Card>
              <Tabs value={tab} onChange={by => url.set({ by })} keepMounted={false}>
                <Tabs.List aria-label="Groups">
                  <Tabs.Tab value="CATEGORY">By category</Tabs.Tab>
                  <Tabs.Tab value="DAY">By day</Tabs.Tab>
                  <Tabs.Tab value="MODEL_VERSION">By ranking model</Tabs.Tab>
                </Tabs.List>
                <Tabs.Panel value={tab} pt="sm">
                  <Groups by={tab} filter={filter} isServed={url.get("effect") === "served"} />
                </Tabs.Panel>
              </Tabs>
              <Pairs filter={filter} />
            </Stack>
          )
        }
      </QueryView>
    </>
  );
}

interface FiltersProps {
  url: ReturnType<typeof useUrlState>;
  versions: SummaryQuery["rankingModels"]["edges"];
}

function Filters({ url, versions }: FiltersProps) {
  return (
    <Group mb="md" align="flex-end" gap="sm" role="search" aria-label="Filter of the rank changes">
      <Select
        label="Ranking model"
        placeholder="The active one"
        size="xs"
        w={230}
        clearable
        data={versions
          .filter(({ node }) => node.ranksImages)
          .map(({ node }) => ({
            value: node.id,
            label: `${node.algorithm}, ${formatTime(node.createdAt)}`,
          }))}
        value={url.get("model")}
        onChange={model => url.set({ model })}
      />
      <FilterField
        label="Category"
        value={url.get("category")}
        onChange={category => url.set({ category })}
      />
      <FilterField label="User" value={url.get("user")} onChange={user => url.set({ user })} />
      <FilterField label="Item" value={url.get("item")} onChange={item => url.set({ item })} />
      <Select
        label="Time"
        placeholder="All"
        size="xs"
        w={150}
        clearable
        data={[
          { value: "1", label: "Last 24 hours" },
          { value: "7", label: "Last 7 days" },
          { value: "30", label: "Last 30 days" },
        ]}
        value={url.get("days")}
        onChange={days => url.set({ days })}
      />
      <Switch
        label="As served: 0 where the catalogue's picture stays"
        checked={url.get("effect") === "served"}
        onChange={event => url.set({ effect: event.currentTarget.checked ? "served" : null })}
        pb={4}
      />
    </Group>
  );
}

function Summary({
  summary,
  isServed,
}: {
  summary: SummaryQuery["rankChangeSummary"];
  isServed: boolean;
}) {
  const { requests } = summary;
  const figures = isServed ? summary.withFallback : summary;
  const share = (value: number) => formatShare(value, 1);
  return (
    <>
      <SimpleGrid cols={{ base: 2, md: 4 }}>
        <Card withBorder>
          <Figure
            label="Mean ΔR"
            value={figures.mean === null ? "–" : formatChange(figures.mean)}
            interval={figures.interval95}
            format={formatChange}
          />
        </Card>
        <Card withBorder>
          <Figure
            label="Median ΔR"
            value={figures.median === null ? "–" : formatChange(figures.median)}
            interval={figures.median95}
            format={formatChange}
          />
        </Card>
        <Card withBorder>
          <Figure
            label="Win rate"
            value={figures.winRate === null ? "–" : share(figures.winRate)}
            interval={figures.winRate95}
            format={share}
          />
        </Card>
        <Card withBorder>
          <Figure
            label="Requests that show a picture"
            value={requests.shownShare === null ? "–" : share(requests.shownShare)}
            interval={requests.shownShare95}
            format={share}
          />
        </Card>
      </SimpleGrid>
      <Text size="sm" c="dimmed">
        {countOf(requests.count, "decided request")}. Shown: {formatNumber(requests.shown)}, of
        which not ranked: {formatNumber(requests.unranked)}. The item would rank lower:{" "}
        {formatNumber(requests.rankedLower)}. No picture may be shown:{" "}
        {formatNumber(requests.belowQualityFloor)}.
      </Text>
    </>
  );
}
