import { Button, Group, Stack, Table, Text, Title } from "@mantine/core";
import { lazy, Suspense } from "react";
import {
  CloseStudyDocument,
  StudyCsvDocument,
  type StudyMethod,
  StudyResultsDocument,
  type StudyResultsQuery,
} from "../../api/admin-studies-studies";
import { useApi, useApiQuery } from "../../shared/api-hooks";
import { countOf, formatNumber, formatShare } from "../../shared/formats";
import { LoadingState } from "../../shared/states";
import { download } from "../parts/download";
import { Figure } from "../parts/figure";
import { PageHead } from "../parts/page-head";
import { QueryView } from "../parts/query-view";
import { useAction } from "../parts/use-action";
import { StudyLink, StudyState } from "./page";
import { methodNames, questionNames } from "./study-names";

const IntervalPlot = lazy(async () => ({
  default: (await import("./interval-plot")).IntervalPlot,
}));

/** p-values below this are printed as "less than". */
const LEAST_P = 0.0001;

export function StudyDetails({ id, onBack }: { id: string; onBack: () => void }) {
  const api = useApi();
  const query = useApiQuery(StudyResultsDocument, { id });
  const { ask } = useAction(CloseStudyDocument);
  return (
    <QueryView query={query} label="Reading the study">
      {({ study }) => (
        <>
          <PageHead
            title={study.title}
            actions={
              <>
                <Button size="xs" variant="default" onClick={onBack}>
                  All studies
                </Button>
                <Button
                  size="xs"
                  variant="default"
                  onClick={() => {
                    void api.request(StudyCsvDocument, { id }).then(({ study: { answersCsv } }) => {
                      download(`study-${id}.csv`, answersCsv, "text/csv");
                    });
                  }}
                >
                  Answers as CSV
                </Button>
                {study.closedAt === null && (
                  <Button
                    size="xs"
                    color="red.9"
                    onClick={() => {
                      ask(
                        { id },
                        {
                          title: "Close the study?",
                          text: "It takes no more answers, and shows its pictures to nobody. People who have not finished are left out. This cannot be undone.",
                          confirm: "Close it",
                          isDangerous: true,
                          done: "The study is closed.",
                        },
                      );
                    }}
                  >
                    Close the study
                  </Button>
                )}
              </>
            }
          >
            {countOf(study.numPairs, "pair")}, {countOf(study.numChecks, "attention check")},{" "}
            {study.methods.map(method => methodNames[method]).join(", ")}; drawn by{" "}
            {study.generator}, seed {study.seed}.
          </PageHead>
          <Group mb="md">
            <StudyState study={study} />
            {study.closedAt === null && <StudyLink study={study} isShown />}
          </Group>
          <People participants={study.results.participants} />
          <Stack gap="xl">
            {study.results.questions.map(question => (
              <Question key={question.question} results={question} />
            ))}
          </Stack>
        </>
      )}
    </QueryView>
  );
}

type Results = StudyResultsQuery["study"]["results"];

function People({ participants }: { participants: Results["participants"] }) {
  const { counted, failedChecks, finished, joined } = participants;
  return (
    <Group gap="xl" mb="lg">
      <Figure label="Joined" value={formatNumber(joined)} />
      <Figure label="Finished" value={formatNumber(finished)} />
      <Figure label="Failed a check" value={formatNumber(failedChecks)} hint="left out" />
      <Figure label="Counted" value={formatNumber(counted)} />
    </Group>
  );
}

function Question({ results }: { results: Results["questions"][number] }) {
  const { comparisons, friedman, kendallsW, methods, numAnswers, pairAgreement } = results;
  const name = (method: StudyMethod) => methodNames[method];
  return (
    <section aria-label={questionNames[results.question]}>
      <Title order={2} size="h4" mb="xs">
        {questionNames[results.question]}
      </Title>
      {methods.length === 0 ? (
        <Text c="dimmed">No answers count yet.</Text>
      ) : (
        <Stack gap="sm">
          <Suspense fallback={<LoadingState />}>
            <IntervalPlot
              label="Mean rank, 1 is best"
              points={methods.map(({ interval95, meanRank, method }) => ({
                name: name(method),
                value: meanRank,
                interval: interval95 && [interval95.low, interval95.high],
              }))}
            />
          </Suspense>
          <Table.ScrollContainer type="native" tabIndex={0} minWidth={480}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Method</Table.Th>
                  <Table.Th>Mean rank</Table.Th>
                  <Table.Th>95 % interval</Table.Th>
                  <Table.Th>First</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {methods.map(({ firstShare, interval95, meanRank, method }) => (
                  <Table.Tr key={method}>
                    <Table.Td>{name(method)}</Table.Td>
                    <Table.Td>{formatNumber(meanRank, 2)}</Table.Td>
                    <Table.Td>
                      {interval95
                        ? `${formatNumber(interval95.low, 2)} to ${formatNumber(interval95.high, 2)}`
                        : "–"}
                    </Table.Td>
                    <Table.Td>{formatShare(firstShare)}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
          <Text size="sm">
            {countOf(numAnswers, "answer")}.{" "}
            {friedman &&
              `Friedman's test: χ² ${formatNumber(friedman.chiSquare, 2)}, ${countOf(friedman.degreesOfFreedom, "degree")} of freedom, p ${pText(friedman.pValue)}. `}
            {kendallsW !== null && `Kendall's W ${formatNumber(kendallsW, 2)}`}
            {pairAgreement !== null && `; of single pairs ${formatNumber(pairAgreement, 2)}.`}
          </Text>
          {comparisons.length > 0 && (
            <Table.ScrollContainer type="native" tabIndex={0} minWidth={480}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Better</Table.Th>
                    <Table.Th>Than</Table.Th>
                    <Table.Th>By ranks</Table.Th>
                    <Table.Th>Wilcoxon p</Table.Th>
                    <Table.Th>After Holm</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {comparisons.map(({ better, difference, holmPValue, pValue, worse }) => (
                    <Table.Tr key={`${better} ${worse}`}>
                      <Table.Td>{name(better)}</Table.Td>
                      <Table.Td>{name(worse)}</Table.Td>
                      <Table.Td>{formatNumber(difference, 2)}</Table.Td>
                      <Table.Td>{pText(pValue)}</Table.Td>
                      <Table.Td>{pText(holmPValue)}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </Stack>
      )}
    </section>
  );
}

function pText(value: number): string {
  return value < LEAST_P ? `< ${formatNumber(LEAST_P, 4)}` : formatNumber(value, 4);
}
