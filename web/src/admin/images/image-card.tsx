import { Anchor, Badge, Button, Card, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { Link } from "react-router";
import type { ImageCardFragment } from "../../api/admin-images-images";
import { formatChange, formatNumber } from "../../shared/formats";
import { Picture } from "../../shared/picture";
import { TimeText } from "../parts/time-text";
import { useRejection } from "./use-rejection";

/** The catalogue's picture, the user's, and what the second does to the item's rank. */
export function ImageCard({ image }: { image: ImageCardFragment }) {
  const reject = useRejection();
  const { item, rankChange, rejection, user } = image;
  return (
    <Card withBorder h="100%">
      <Stack gap="xs">
        <SimpleGrid cols={2} spacing="xs">
          <Picture src={item.image?.url ?? null} alt={`${item.title}, the catalogue's picture`} />
          <Picture
            src={rejection ? null : image.url}
            alt={`${item.title}, the picture for ${user.id}`}
          />
        </SimpleGrid>
        <Text fw={500} size="sm" className="shop-text" lineClamp={2}>
          {item.title}
        </Text>
        <Group gap="xs">
          {rankChange && (
            <Badge color={rankChange.deltaR < 0 ? "red.9" : "vitrine.8"}>
              ΔR {formatChange(rankChange.deltaR)}
            </Badge>
          )}
          {rejection ? (
            <Badge color="red.9">Rejected</Badge>
          ) : (
            !image.isServed && <Badge color="gray.7">Not shown</Badge>
          )}
        </Group>
        <Text size="xs" c="dimmed" className="shop-text">
          {rankChange &&
            `Rank ${formatNumber(rankChange.rankBefore, 1)} to ${formatNumber(rankChange.rankAfter, 1)}, `}
          for{" "}
          <Anchor
            component={Link}
            to={`/users/${encodeURIComponent(user.id)}`}
            size="xs"
            underline="always"
          >
            {user.id}
          </Anchor>
          , <TimeText time={image.createdAt} />
        </Text>
        {rejection ? (
          <Text size="xs" className="shop-text">
            {rejection.reason}
          </Text>
        ) : (
          <Button
            size="compact-xs"
            variant="default"
            onClick={() => reject({ id: image.id, title: item.title })}
          >
            Reject
          </Button>
        )}
      </Stack>
    </Card>
  );
}
