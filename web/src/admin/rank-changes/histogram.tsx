import "@mantine/charts/styles.css";
import { BarChart } from "@mantine/charts";
import type { SummaryQuery } from "../../api/admin-rank-changes-rank-changes";
import { formatNumber } from "../../shared/formats";

type Bins = SummaryQuery["rankChangeSummary"]["histogram"];

/** Loaded when it is drawn: the chart library is larger than the rest of the page. */
export function Histogram({ bins }: { bins: Bins }) {
  const data = bins.map(({ count, from, to }) => ({
    range:
      from === null
        ? `below ${formatNumber(to, 2)}`
        : `${formatNumber(from, 2)} to ${formatNumber(to, 2)}`,
    Pictures: count,
  }));
  const text = data.map(({ range, Pictures }) => `${range}: ${Pictures}`).join("; ");
  return (
    <div role="img" aria-label={`Pictures by rank change. ${text}`}>
      <BarChart
        h={260}
        data={data}
        dataKey="range"
        series={[{ name: "Pictures", color: "vitrine.7" }]}
        withLegend={false}
        yAxisProps={{ allowDecimals: false }}
        barProps={{ isAnimationActive: false }}
      />
    </div>
  );
}
