import { Accordion, Code, Stack, Text } from "@mantine/core";
import { formatTime } from "../../shared/formats";

interface Version {
  id: string;
  seed: number;
  config: Record<string, unknown>;
  metrics: Record<string, unknown> | null;
  failure: string | null;
  createdAt: string;
  trainedAt: string | null;
  dataHash?: string | null;
  rankingModelVersionId?: string;
}

/** What a version was made of and measured at. */
export function VersionDetails({ version }: { version: Version }) {
  const { config, dataHash, failure, metrics, rankingModelVersionId } = version;
  return (
    <Accordion variant="contained" chevronPosition="left">
      <Accordion.Item value="details">
        <Accordion.Control>
          <Text size="xs">Metrics and origin</Text>
        </Accordion.Control>
        <Accordion.Panel>
          <Stack gap="xs">
            <Text size="xs">
              Version <Code>{version.id}</Code>, seed {version.seed}, asked for{" "}
              {formatTime(version.createdAt)}
              {version.trainedAt && `, trained ${formatTime(version.trainedAt)}`}
            </Text>
            {dataHash && (
              <Text size="xs" className="shop-text">
                Data <Code>{dataHash}</Code>
              </Text>
            )}
            {rankingModelVersionId && (
              <Text size="xs">
                Rewarded by the ranking model <Code>{rankingModelVersionId}</Code>
              </Text>
            )}
            {failure && <Text size="xs">{failure}</Text>}
            <Code block tabIndex={0} aria-label="Metrics">
              {JSON.stringify(metrics, null, 2)}
            </Code>
            <Code block tabIndex={0} aria-label="Configuration">
              {JSON.stringify(config, null, 2)}
            </Code>
          </Stack>
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}
