import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorState, LoadingState } from "../../shared/states";

interface QueryViewProps<Data> {
  query: UseQueryResult<Data>;
  /** What is loaded, for the reader. */
  label?: string;
  children: (data: Data) => ReactNode;
}

/** What a query found; until then that it loads, or why it failed. An old answer stays while a new one is asked for. */
export function QueryView<Data>({ query, label, children }: QueryViewProps<Data>) {
  const { data, error, isError, refetch } = query;
  if (data !== undefined) {
    return children(data);
  }
  return isError ? (
    <ErrorState error={error} onRetry={() => void refetch()} />
  ) : (
    <LoadingState label={label} />
  );
}
