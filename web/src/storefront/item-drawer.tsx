import { Alert, Badge, Button, Drawer, Group, Stack, Text } from "@mantine/core";
import { IconEyeOff, IconHeart, IconHeartFilled } from "@tabler/icons-react";
import { ExplainImageDocument, type ExplainImageQuery } from "../api/storefront-explain";
import { ApiProvider, useApiQuery } from "../shared/api-hooks";
import { Picture } from "../shared/picture";
import { ErrorState, LoadingState } from "../shared/states";
import { CompareSlider } from "./compare-slider";
import { clientOf, type DemoUser } from "./demo-api";
import { Explanation } from "./explanation";
import { RankChangeText } from "./rank-change";
import { useLikedIds, useReactions } from "./reactions";

export type ExplainedItem = ExplainImageQuery["item"];
export type ExplainedImage = NonNullable<ExplainedItem["personalizedImage"]>;

interface ItemDrawerProps {
  /** Null: closed. */
  itemId: string | null;
  user: DemoUser;
  onClose: () => void;
}

/** Everything about one item's image for one user. */
export function ItemDrawer({ itemId, user, onClose }: ItemDrawerProps) {
  return (
    <Drawer
      opened={itemId !== null}
      onClose={onClose}
      position="right"
      size={620}
      title="Why this image?"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {itemId !== null && (
        <ApiProvider client={clientOf(user.id)}>
          <DrawerBody key={`${user.id} ${itemId}`} itemId={itemId} user={user} />
        </ApiProvider>
      )}
    </Drawer>
  );
}

function DrawerBody({ itemId, user }: { itemId: string; user: DemoUser }) {
  const query = useApiQuery(
    ExplainImageDocument,
    { itemId, userId: user.id },
    // While the image is drawn there is none to explain yet.
    { refetchInterval: 3_000 },
  );
  if (query.data) {
    return <ItemExplained item={query.data.item} user={user} />;
  }
  return query.error ? (
    <ErrorState error={query.error} onRetry={() => void query.refetch()} />
  ) : (
    <LoadingState label="Loading the explanation" />
  );
}

function ItemExplained({ item, user }: { item: ExplainedItem; user: DemoUser }) {
  const { category, image, personalizedImage: picture, title } = item;
  return (
    <Stack gap="lg" pb="xl">
      <div>
        <Group gap="xs" wrap="nowrap" align="flex-start" justify="space-between">
          <Text fw={650} size="xl" className="shop-text" dir="auto" component="h2" m={0}>
            {title}
          </Text>
          {category && (
            <Badge variant="default" tt="none" style={{ flex: "none" }}>
              {category}
            </Badge>
          )}
        </Group>
        <Text size="sm" c="dimmed">
          For {user.id}, who likes {user.style}
        </Text>
      </div>
      {picture ? (
        <CompareSlider before={image?.url ?? null} after={picture.url} title={title} />
      ) : (
        <Picture src={image?.url ?? null} alt={title} eager />
      )}
      <Actions itemId={item.id} userId={user.id} />
      {picture ? (
        <>
          {picture.isServed ? (
            <RankChangeText change={picture.rankChange} />
          ) : (
            <Alert color="gray" title="The shelf keeps the catalogue image">
              The item would rank lower for this user with the image that was drawn.
            </Alert>
          )}
          <Explanation image={picture} item={item} />
        </>
      ) : (
        <Alert color="gray" title="No image of this user's own">
          Either it is still being drawn, or no drawing was good enough or ranked as well as the
          catalogue image. The tile on the shelf says which.
        </Alert>
      )}
    </Stack>
  );
}

function Actions({ itemId, userId }: { itemId: string; userId: string }) {
  const { isPending, react, undo } = useReactions(userId);
  const isLiked = useLikedIds(userId).has(itemId);
  return (
    <Group gap="sm">
      <Button
        variant={isLiked ? "light" : "filled"}
        leftSection={
          isLiked ? <IconHeartFilled size={18} aria-hidden /> : <IconHeart size={18} aria-hidden />
        }
        aria-pressed={isLiked}
        loading={isPending}
        onClick={() => {
          (isLiked ? undo : react)(itemId, "LIKE");
        }}
      >
        {isLiked ? "Liked" : "Like"}
      </Button>
      <Button
        variant="default"
        leftSection={<IconEyeOff size={18} aria-hidden />}
        loading={isPending}
        onClick={() => {
          react(itemId, "VIEW");
        }}
      >
        Mark as viewed
      </Button>
    </Group>
  );
}
