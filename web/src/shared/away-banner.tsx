import { Alert, Loader } from "@mantine/core";
import { useIsAway } from "./connection";

/** Says that the server does not answer, until it answers again. */
export function AwayBanner() {
  const isAway = useIsAway();
  return (
    <div role="status" aria-live="polite" className="away-banner">
      {isAway && (
        <Alert
          variant="filled"
          color="dark"
          radius={0}
          icon={<Loader size="xs" color="white" aria-hidden />}
          title="The shop does not answer"
        >
          What you see may be old. This page tries again by itself; nothing that you did is lost.
        </Alert>
      )}
    </div>
  );
}
