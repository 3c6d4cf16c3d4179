import "@mantine/charts/styles.css";
import { LineChart } from "@mantine/charts";
import { formatChange } from "../../shared/formats";

interface Point {
  day: string;
  mean: number | null;
  low: number | null;
  high: number | null;
}

/** The mean of each day between the ends of its interval. The table below has the same numbers. */
export function MeanChart({ points }: { points: Point[] }) {
  return (
    <div role="img" aria-label="Mean ΔR by day, with its interval; the table below has the numbers">
      <LineChart
        h={240}
        mb="md"
        data={points}
        dataKey="day"
        valueFormatter={value => formatChange(value)}
        series={[
          { name: "high", label: "Interval's upper end", color: "gray.5", strokeDasharray: "4 4" },
          { name: "mean", label: "Mean ΔR", color: "vitrine.7" },
          { name: "low", label: "Interval's lower end", color: "gray.5", strokeDasharray: "4 4" },
        ]}
        lineProps={{ isAnimationActive: false }}
      />
    </div>
  );
}
