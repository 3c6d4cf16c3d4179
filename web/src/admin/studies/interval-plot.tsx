import {
  CartesianGrid,
  ErrorBar,
  ResponsiveContainer,
  Scatter,
  ScatterChart,
  XAxis,
  YAxis,
} from "recharts";
import { formatNumber } from "../../shared/formats";

export interface PlotPoint {
  name: string;
  value: number;
  /** Null: the interval is not known. */
  interval: readonly [low: number, high: number] | null;
}

interface IntervalPlotProps {
  /** What the numbers are. */
  label: string;
  points: readonly PlotPoint[];
}

const ROW_HEIGHT = 38;
const AXES_HEIGHT = 60;

/** Values with their intervals, one row each. The table beside it has the same numbers. */
export function IntervalPlot({ label, points }: IntervalPlotProps) {
  const data = points.map(({ interval, name, value }) => ({
    name,
    value,
    error: interval ? [value - interval[0], interval[1] - value] : [0, 0],
  }));
  return (
    <div role="img" aria-label={`${label} with intervals; the table has the numbers`}>
      <ResponsiveContainer width="100%" height={points.length * ROW_HEIGHT + AXES_HEIGHT}>
        <ScatterChart
          margin={{ top: 8, right: 24, bottom: 24, left: 8 }}
          accessibilityLayer={false}
        >
          <CartesianGrid stroke="var(--mantine-color-default-border)" />
          <XAxis
            type="number"
            dataKey="value"
            domain={["auto", "auto"]}
            tickFormatter={(value: number) => formatNumber(value, 3)}
            tick={{ fill: "var(--mantine-color-text)", fontSize: 12 }}
            label={{
              value: label,
              position: "insideBottom",
              offset: -12,
              fill: "var(--mantine-color-text)",
            }}
          />
          <YAxis
            type="category"
            dataKey="name"
            width={170}
            allowDuplicatedCategory={false}
            tick={{ fill: "var(--mantine-color-text)", fontSize: 12 }}
          />
          <Scatter data={data} fill="var(--mantine-primary-color-filled)" isAnimationActive={false}>
            <ErrorBar
              dataKey="error"
              direction="x"
              width={6}
              strokeWidth={2}
              stroke="var(--mantine-primary-color-filled)"
              isAnimationActive={false}
            />
          </Scatter>
        </ScatterChart>
      </ResponsiveContainer>
    </div>
  );
}
