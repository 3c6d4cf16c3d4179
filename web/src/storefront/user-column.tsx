import { Badge, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { ShelfDocument } from "../api/storefront-shop";
import { ApiProvider, useApiQuery } from "../shared/api-hooks";
import { countOf, formatShare } from "../shared/formats";
import { Picture } from "../shared/picture";
import { clientOf, type DemoUser, findWindow } from "./demo-api";
import { useHistory } from "./reactions";
import { Shelf } from "./shelf";
import classes from "./storefront.module.css";

const NUM_SHOWN = 24;
const NUM_RECOMMENDED = 12;

interface UserColumnProps {
  user: DemoUser;
  /** Whether another column stands beside this one. */
  narrow?: boolean;
  onOpen: (itemId: string) => void;
}

/** The shop as one user sees it. */
export function UserColumn(props: UserColumnProps) {
  const { user } = props;
  return (
    <ApiProvider client={clientOf(user.id)}>
      <section aria-label={`The shop for ${user.id}`}>
        <Taste {...props} />
        <Window {...props} />
        <Recommended {...props} />
      </section>
    </ApiProvider>
  );
}

function Taste({ user }: UserColumnProps) {
  const likes = useHistory(user.id).filter(({ kind }) => kind !== "VIEW");
  const share = user.styleShare === null ? "" : `${formatShare(user.styleShare)} of the choices`;
  return (
    <div className={classes.taste}>
      <Title order={2} size="h4">
        {user.id} likes {user.style}
      </Title>
      <Text size="sm" c="dimmed">
        {share}
        {share ? ", " : ""}
        {countOf(user.numChoices, "item")} liked. A simulated user.
      </Text>
      <div className={classes.history} role="group" aria-label="Liked before" tabIndex={0}>
        {likes.slice(0, NUM_SHOWN).map(({ item, kind, occurredAt }) => (
          <Picture
            key={`${item.id} ${kind} ${occurredAt}`}
            className={classes.historyPicture}
            src={item.image?.url ?? null}
            alt={item.title}
            eager
          />
        ))}
      </div>
    </div>
  );
}

/** The same items for everyone, which shows best what a taste changes. */
function Window({ user, narrow, onOpen }: UserColumnProps) {
  const items = useQuery({ queryKey: ["window"], queryFn: findWindow });
  return (
    <Shelf
      title="In the shop window"
      text="The same items for everyone, drawn for this user."
      userId={user.id}
      items={items}
      narrow={narrow}
      onOpen={onOpen}
    />
  );
}

const sources = {
  RANKER: "by the ranking model",
  RERANKED: "re-ranked by images",
  FOLD_IN: "with the latest choices",
  CONTENT: "by similarity",
  POPULARITY: "by popularity",
} as const;

function Recommended({ user, narrow, onOpen }: UserColumnProps) {
  const shelf = useApiQuery(
    ShelfDocument,
    { userId: user.id, first: NUM_RECOMMENDED },
    { keepPrevious: true },
  );
  const source = shelf.data?.recommendations.source;
  return (
    <Shelf
      title="Recommended"
      text="Like an item or hide it, and this shelf changes."
      userId={user.id}
      items={{
        ...shelf,
        data: shelf.data?.recommendations.edges.map(({ node, rank }) => ({ ...node, rank })),
      }}
      narrow={narrow}
      canHide
      badge={
        source && (
          <Badge variant="light" tt="none">
            {sources[source]}
          </Badge>
        )
      }
      onOpen={onOpen}
    />
  );
}
