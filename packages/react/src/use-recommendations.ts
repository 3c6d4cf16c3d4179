"use client";
/** @file A shopper's recommendations, as a hook. */
import type { Recommendations } from "@vitrine/client";
import { useCallback, useEffect, useState } from "react";
import { useVitrineClient } from "./provider.js";

export interface RecommendationsState {
  /** Best first; of all pages that were loaded. */
  items: Recommendations["items"];
  /** What ranked them; null until they are there. */
  source: string | null;
  isLoading: boolean;
  error: unknown;
  hasMore: boolean;
  /** Loads the next page. */
  loadMore: () => void;
  /** Loads the first page anew, for example after an interaction. */
  reload: () => void;
}

interface Loaded {
  key: string;
  pages: readonly Recommendations[];
  error: unknown;
  isLoading: boolean;
}

/** @param userId null: nothing is asked */
export function useRecommendations(
  userId: string | null,
  { first = 20, category }: { first?: number; category?: string } = {},
): RecommendationsState {
  const client = useVitrineClient();
  const [round, setRound] = useState(0);
  const key = JSON.stringify([userId, first, category, round]);
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [wanted, setWanted] = useState<{ key: string; after: string } | null>(null);
  const after = wanted?.key === key ? wanted.after : undefined;
  useEffect(() => {
    if (userId === null) {
      return undefined;
    }
    const leaving = new AbortController();
    const { signal } = leaving;
    const pagesOf = (before: Loaded | null) => (before?.key === key ? before.pages : []);
    const settle = (change: (before: Loaded | null) => Omit<Loaded, "key">) => {
      if (!signal.aborted) {
        setLoaded(before => ({ key, ...change(before) }));
      }
    };
    settle(before => ({ pages: pagesOf(before), error: null, isLoading: true }));
    client.recommendations(userId, { first, category, after, signal }).then(
      page => {
        settle(before => ({
          pages: after === undefined ? [page] : [...pagesOf(before), page],
          error: null,
          isLoading: false,
        }));
      },
      (error: unknown) => {
        settle(before => ({ pages: pagesOf(before), error, isLoading: false }));
      },
    );
    return () => {
      leaving.abort();
    };
  }, [after, category, client, first, key, userId]);
  const { error, isLoading, pages }: Omit<Loaded, "key"> =
    loaded?.key === key ? loaded : { pages: [], error: null, isLoading: userId !== null };
  const next = pages.at(-1)?.after ?? null;
  return {
    items: pages.flatMap(({ items }) => items),
    source: pages[0]?.source ?? null,
    isLoading,
    error,
    hasMore: next !== null,
    loadMore: useCallback(() => {
      if (next !== null) {
        setWanted({ key, after: next });
      }
    }, [key, next]),
    reload: useCallback(() => {
      setRound(before => before + 1);
    }, []),
  };
}
