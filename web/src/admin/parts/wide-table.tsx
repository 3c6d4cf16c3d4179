import { Table } from "@mantine/core";
import type { ReactNode } from "react";

interface WideTableProps {
  /** What the table lists, for screen readers. */
  label: string;
  /** Below this width, in pixels, it scrolls sideways. */
  minWidth: number;
  children: ReactNode;
}

/** A table that scrolls in its own frame on a narrow screen, also with the keyboard. */
export function WideTable({ label, minWidth, children }: WideTableProps) {
  return (
    <Table.ScrollContainer
      minWidth={minWidth}
      type="native"
      tabIndex={0}
      role="region"
      pos="relative" // hidden texts inside are placed by it, not by the page
      aria-label={label}
    >
      <Table verticalSpacing="xs">{children}</Table>
    </Table.ScrollContainer>
  );
}
