/** @file React's access to the API: the caller of this part of the page, queries, mutations and subscriptions. */
import {
  keepPreviousData,
  useMutation,
  type UseMutationResult,
  useQuery,
  type UseQueryResult,
} from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useEffectEvent } from "react";
import type { ApiClient, Subscriber } from "./api-client";
import type { TypedDocument } from "./typed-document";

const ApiContext = createContext<ApiClient | null>(null);

/** The caller of everything below. Two parts of a page may have two callers. */
export function ApiProvider({ client, children }: { client: ApiClient; children: ReactNode }) {
  return <ApiContext value={client}>{children}</ApiContext>;
}

export function useApi(): ApiClient {
  const client = useContext(ApiContext);
  if (!client) {
    throw new Error("There is no ApiProvider above this component");
  }
  return client;
}

export interface ApiQueryOptions {
  enabled?: boolean;
  /** Keeps the last page's rows while the next one loads. */
  keepPrevious?: boolean;
  refetchInterval?: number | false;
}

/** The key of a document's answers in the cache, for `invalidateQueries`. */
export function queryKey<Result, Variables>(
  client: ApiClient,
  document: TypedDocument<Result, Variables>,
  ...variables: Variables[]
): unknown[] {
  return [client.name, document, ...variables];
}

export function useApiQuery<Result, Variables>(
  document: TypedDocument<Result, Variables>,
  variables: Variables,
  { enabled, keepPrevious, refetchInterval }: ApiQueryOptions = {},
): UseQueryResult<Result> {
  const api = useApi();
  return useQuery<Result>({
    queryKey: queryKey(api, document, variables),
    queryFn: ({ signal }) => api.request(document, variables, signal),
    enabled,
    refetchInterval,
    ...(keepPrevious ? { placeholderData: keepPreviousData } : {}),
  });
}

export function useApiMutation<Result, Variables>(
  document: TypedDocument<Result, Variables>,
  options: { onSuccess?: (result: Result, variables: Variables) => unknown } = {},
): UseMutationResult<Result, Error, Variables> {
  const api = useApi();
  return useMutation<Result, Error, Variables>({
    mutationFn: variables => api.request(document, variables),
    onSuccess: (result, variables) => options.onSuccess?.(result, variables),
  });
}

/** Subscribes while `variables` is not null; anew when their values change. */
export function useApiSubscription<Result, Variables>(
  document: TypedDocument<Result, Variables>,
  variables: Variables | null,
  subscriber: Subscriber<Result>,
): void {
  const api = useApi();
  const next = useEffectEvent(subscriber.next);
  const error = useEffectEvent(subscriber.error);
  const complete = useEffectEvent(() => subscriber.complete?.());
  const values = variables === null ? null : JSON.stringify(variables);
  useEffect(
    () =>
      values === null
        ? undefined
        : api.subscribe(document, JSON.parse(values) as Variables, { next, error, complete }),
    [api, document, values],
  );
}
