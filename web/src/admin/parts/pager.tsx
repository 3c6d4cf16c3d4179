import { Button, Group } from "@mantine/core";
import type { UrlState } from "./url-state";

interface PagerProps {
  url: Pick<UrlState, "after" | "goTo">;
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  isLoading?: boolean;
}

/** Next page, and back to the first. The browser's back button goes to the page before. */
export function Pager({ url, pageInfo, isLoading }: PagerProps) {
  if (url.after === null && !pageInfo.hasNextPage) {
    return null;
  }
  return (
    <Group justify="flex-end" mt="md" gap="xs" component="nav" aria-label="Pages of the list">
      <Button
        variant="default"
        size="xs"
        disabled={url.after === null}
        onClick={() => url.goTo(null)}
      >
        First page
      </Button>
      <Button
        variant="default"
        size="xs"
        loading={isLoading}
        disabled={!pageInfo.hasNextPage}
        onClick={() => url.goTo(pageInfo.endCursor)}
      >
        Next page
      </Button>
    </Group>
  );
}
