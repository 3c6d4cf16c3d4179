import { Group, Skeleton, Text, Title, VisuallyHidden } from "@mantine/core";
import type { ReactNode } from "react";
import { EmptyState, ErrorState } from "../shared/states";
import { useShelfImages } from "./shelf-images";
import classes from "./storefront.module.css";
import { Tile, type TileItem } from "./tile";

const NUM_SKELETONS = 8;

interface ShelfProps {
  title: string;
  text: string;
  userId: string;
  items: {
    data: TileItem[] | undefined;
    isPending: boolean;
    error: Error | null;
    refetch: () => unknown;
  };
  narrow?: boolean;
  /** Whether an item can be marked as seen. */
  canHide?: boolean;
  badge?: ReactNode;
  onOpen: (itemId: string) => void;
}

/** A row of items, each with its catalogue image until the user's own is ready. */
export function Shelf({ title, text, userId, items, narrow, canHide, badge, onOpen }: ShelfProps) {
  const shown = items.data ?? [];
  const images = useShelfImages(
    userId,
    shown.map(({ id }) => id),
  );
  const numWaiting = images.entries.filter(
    ({ result }) => result?.__typename === "JobRunning",
  ).length;
  return (
    <section className={classes.shelf} aria-label={`${title} for ${userId}`}>
      <div className={classes.shelfHead}>
        <Group gap="sm">
          <Title order={3} size="h3">
            {title}
          </Title>
          {badge}
        </Group>
        <Text c="dimmed" size="sm">
          {text}
        </Text>
      </div>
      <VisuallyHidden role="status">
        {images.entries.length > 0 &&
          (numWaiting === 0 ? "All images are ready." : "Images are being drawn.")}
      </VisuallyHidden>
      {items.error && !items.data && (
        <ErrorState error={items.error} onRetry={() => void items.refetch()} />
      )}
      {images.error && <ErrorState error={images.error} onRetry={images.retry} />}
      {items.data?.length === 0 && (
        <EmptyState title="Nothing is left to recommend" level={3}>
          This user has seen or liked every item. Another user has more to see.
        </EmptyState>
      )}
      <div className={classes.tiles} data-narrow={narrow ? true : undefined}>
        {items.isPending
          ? Array.from({ length: NUM_SKELETONS }, (_, index) => (
              <Skeleton key={index} radius="lg" className={classes.tileSkeleton} />
            ))
          : shown.map(item => (
              <Tile
                key={item.id}
                item={item}
                userId={userId}
                entry={images.entries.find(({ itemId }) => itemId === item.id)}
                onOutcome={images.settle}
                canHide={canHide}
                onOpen={onOpen}
              />
            ))}
      </div>
    </section>
  );
}
