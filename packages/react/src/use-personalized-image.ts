"use client";
/** @file An item's image for a shopper, as a hook. */
import type { PersonalizedResult, PersonalizeImageCall, Progress } from "@vitrine/client";
import { useEffect, useState } from "react";
import { useVitrineClient } from "./provider.js";

export interface PersonalizedImageRequest {
  /** The shop's own id of the shopper; null: nobody is signed in, and nothing is asked. */
  userId: string | null;
  itemId: string;
  /** Generation options, as in the API. */
  options?: PersonalizeImageCall["options"];
  /** Whether to ask. Default: yes. */
  enabled?: boolean;
}

export type PersonalizedImageState =
  | { status: "idle" }
  | { status: "loading"; progress: Progress | null }
  | { status: "done"; result: PersonalizedResult }
  | { status: "failed"; error: unknown };

const idle: PersonalizedImageState = { status: "idle" };

export function usePersonalizedImage(request: PersonalizedImageRequest): PersonalizedImageState {
  const { userId, itemId, options, enabled = true } = request;
  const client = useVitrineClient();
  const optionsText = JSON.stringify(options ?? {}); // callers write a new object each time
  const key = JSON.stringify([userId, itemId, optionsText]);
  const [kept, setKept] = useState<{ key: string; state: PersonalizedImageState } | null>(null);
  useEffect(() => {
    if (!enabled || userId === null) {
      return undefined;
    }
    const leaving = new AbortController();
    const { signal } = leaving;
    const show = (state: PersonalizedImageState) => {
      if (!signal.aborted) {
        setKept({ key, state });
      }
    };
    show({ status: "loading", progress: null });
    client
      .personalizeImage(userId, itemId, {
        options: JSON.parse(optionsText) as PersonalizeImageCall["options"],
        signal,
        onProgress: progress => {
          show({ status: "loading", progress });
        },
      })
      .then(
        result => {
          show({ status: "done", result });
        },
        (error: unknown) => {
          show({ status: "failed", error });
        },
      );
    return () => {
      leaving.abort();
    };
  }, [client, enabled, itemId, key, optionsText, userId]);
  return kept?.key === key ? kept.state : idle;
}
