/** @file What a user does on a shelf: recorded, and everything that depends on it is asked for again. */
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import {
  ForgetDocument,
  type InteractionKind,
  RecordDocument,
  UserHistoryDocument,
} from "../api/storefront-shop";
import { errorText } from "../shared/api-error";
import { useApi, useApiQuery } from "../shared/api-hooks";

type Reaction = Extract<InteractionKind, "LIKE" | "VIEW">;

export interface Reactions {
  isPending: boolean;
  react: (itemId: string, kind: Reaction) => void;
  undo: (itemId: string, kind: Reaction) => void;
}

export function useReactions(userId: string): Reactions {
  const api = useApi();
  const queryClient = useQueryClient();
  const options = {
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [api.name] }),
    onError: (error: Error) => {
      const { title, text } = errorText(error);
      notifications.show({ color: "red", title, message: text });
    },
  };
  const record = useMutation({
    ...options,
    mutationFn: async ([itemId, kind]: [string, Reaction]) => {
      const occurredAt = new Date().toISOString();
      const { recordInteractions } = await api.request(RecordDocument, {
        input: [{ userId, itemId, kind, occurredAt }],
      });
      const [refused] = recordInteractions.rejected;
      if (refused) {
        throw new Error(refused.message);
      }
    },
  });
  const forget = useMutation({
    ...options,
    mutationFn: ([itemId, kind]: [string, Reaction]) =>
      api.request(ForgetDocument, { input: { userId, itemId, kinds: [kind] } }),
  });
  return {
    isPending: record.isPending || forget.isPending,
    react: (itemId, kind) => record.mutate([itemId, kind]),
    undo: (itemId, kind) => forget.mutate([itemId, kind]),
  };
}

const NUM_HISTORY = 100;

/** What the user did last; one request for all parts of the page. */
export function useHistory(userId: string) {
  const { data } = useApiQuery(UserHistoryDocument, { userId, first: NUM_HISTORY });
  return (data?.user?.history.edges ?? []).map(({ node }) => node);
}

/** The items that the user likes. */
export function useLikedIds(userId: string): ReadonlySet<string> {
  const likes = useHistory(userId).filter(({ kind }) => kind === "LIKE");
  return new Set(likes.map(({ item }) => item.id));
}
