import { EmptyState } from "../shared/states";

export function Closed() {
  return (
    <EmptyState title="This study is closed" level={1}>
      It takes no more answers. Thank you for your interest.
    </EmptyState>
  );
}
