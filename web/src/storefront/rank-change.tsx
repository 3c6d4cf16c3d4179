import { Text } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import type { PictureFragment } from "../api/storefront-shop";
import { formatNumber } from "../shared/formats";
import classes from "./tile.module.css";

/** How the user's image moves the item, in a few words. */
export function RankChangeText({ change }: { change: PictureFragment["rankChange"] }) {
  if (!change) {
    return (
      <Text size="sm" c="dimmed" lineClamp={2}>
        Drawn for this user
      </Text>
    );
  }
  const { rankAfter, rankBefore } = change;
  const [before, after] = [rankBefore, rankAfter].map(rank => formatNumber(rank, 1));
  if (rankAfter === rankBefore) {
    return (
      <Text size="sm" c="dimmed" lineClamp={2}>
        Stays at rank {after}
      </Text>
    );
  }
  const isBetter = rankAfter < rankBefore;
  const Arrow = isBetter ? IconArrowUp : IconArrowDown;
  return (
    <Text size="sm" fw={600} className={isBetter ? classes.better : classes.worse} lineClamp={2}>
      <Arrow size={14} aria-hidden className={classes.arrow} /> Rank {before} to {after}
    </Text>
  );
}
