import { ActionIcon, Progress, Text, Tooltip, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconEyeOff, IconHeart, IconHeartFilled } from "@tabler/icons-react";
import { formatShare } from "../shared/formats";
import { RankChangeText } from "./rank-change";
import { useLikedIds, useReactions } from "./reactions";
import { reasonTitle } from "./reasons";
import { type ShelfEntry, type ShelfImages, useJobOf, usePictureOf } from "./shelf-images";
import { SwapPicture } from "./swap-picture";
import classes from "./tile.module.css";

export interface TileItem {
  id: string;
  title: string;
  image: { url: string } | null;
}

interface TileProps {
  item: TileItem;
  userId: string;
  /** Undefined until the shelf's images have been asked for. */
  entry: ShelfEntry | undefined;
  onOutcome: ShelfImages["settle"];
  canHide?: boolean;
  onOpen: (itemId: string) => void;
}

export function Tile({ item, userId, entry, onOutcome, canHide, onOpen }: TileProps) {
  const job = useJobOf(entry, onOutcome);
  const picture = usePictureOf(entry);
  const { isPending, react, undo } = useReactions(userId);
  const isLiked = useLikedIds(userId).has(item.id);
  const isWaiting = !entry || entry.result?.__typename === "JobRunning";
  return (
    <article className={classes.tile} aria-label={item.title}>
      <UnstyledButton
        className={classes.open}
        onClick={() => {
          onOpen(item.id);
        }}
      >
        <SwapPicture
          catalogueUrl={item.image?.url ?? null}
          previewUrl={isWaiting ? (job?.previewUrl ?? null) : null}
          pictureUrl={picture?.url ?? null}
        />
        <span className={classes.progress} data-shown={(isWaiting && job !== null) || undefined}>
          <Progress value={100 * (job?.progress ?? 0)} size={4} aria-hidden component="span" />
        </span>
        <Text fw={600} size="sm" lineClamp={2} className={`${classes.title} shop-text`} dir="auto">
          {item.title}
        </Text>
        <div className={classes.state}>
          <TileState entry={entry} progress={job?.progress ?? null} hasPicture={Boolean(picture)} />
        </div>
        <VisuallyHidden>Explain</VisuallyHidden>
      </UnstyledButton>
      <div className={classes.actions}>
        {canHide && (
          <Tooltip label="Seen: leave it out for a week">
            <ActionIcon
              variant="default"
              className={classes.action}
              radius="xl"
              size={32}
              aria-label={`Mark ${item.title} as viewed`}
              disabled={isPending}
              onClick={() => {
                react(item.id, "VIEW");
              }}
            >
              <IconEyeOff size={18} aria-hidden />
            </ActionIcon>
          </Tooltip>
        )}
        <Tooltip label={isLiked ? "Liked. Press to take it back" : "Like"}>
          <ActionIcon
            variant="default"
            className={classes.action}
            radius="xl"
            size={32}
            aria-label={`Like ${item.title}`}
            aria-pressed={isLiked}
            disabled={isPending}
            onClick={() => {
              (isLiked ? undo : react)(item.id, "LIKE");
            }}
          >
            {isLiked ? (
              <IconHeartFilled size={18} aria-hidden className={classes.liked} />
            ) : (
              <IconHeart size={18} aria-hidden />
            )}
          </ActionIcon>
        </Tooltip>
      </div>
    </article>
  );
}

interface TileStateProps {
  entry: ShelfEntry | undefined;
  progress: number | null;
  hasPicture: boolean;
}

function TileState({ entry, progress, hasPicture }: TileStateProps) {
  const result = entry?.result;
  if (entry?.errorCode) {
    return (
      <Text size="sm" c="dimmed" lineClamp={2} title={entry.errorMessage ?? undefined}>
        {entry.errorCode === "ITEM_NOT_FOUND" ? "This item is gone" : "No image for this user"}
      </Text>
    );
  }
  if (result?.__typename === "PersonalizedImagePayload") {
    return <RankChangeText change={result.image.rankChange} />;
  }
  if (result?.__typename === "OriginalImage") {
    return (
      <Text size="sm" c="dimmed" lineClamp={2} title={result.message}>
        {reasonTitle(result.reason)}
      </Text>
    );
  }
  return (
    <Text size="sm" c="dimmed" lineClamp={2}>
      {hasPicture ? "Drawing it anew" : "Drawing"}
      {progress ? ` ${formatShare(progress)}` : "…"}
    </Text>
  );
}
