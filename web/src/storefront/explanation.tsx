import { Badge, Code, Group, Progress, Stack, Table, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import {
  formatChange,
  formatNumber,
  formatSeconds,
  formatShare,
  formatTime,
} from "../shared/formats";
import { Picture } from "../shared/picture";
import classes from "./explanation.module.css";
import type { ExplainedImage, ExplainedItem } from "./item-drawer";

interface ExplanationProps {
  image: ExplainedImage;
  item: ExplainedItem;
}

/** Why the image looks as it does, in the order in which it was made. */
export function Explanation({ image, item }: ExplanationProps) {
  return (
    <>
      <Retrieved image={image} />
      <Keywords image={image} />
      <Candidates image={image} />
      <Facts image={image} item={item} />
    </>
  );
}

function Part({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <section>
      <Title order={3} size="h5" mb={text ? 0 : 6}>
        {title}
      </Title>
      {text && (
        <Text size="sm" c="dimmed" mb="xs">
          {text}
        </Text>
      )}
      {children}
    </section>
  );
}

/** The items of the history, with the pull of each. */
function Retrieved({ image }: { image: ExplainedImage }) {
  const { retrieved } = image.explanation;
  const largest = Math.max(...retrieved.map(({ weight }) => weight), 0);
  return (
    <Part
      title="1. What this user liked that is most like it"
      text="Similarity compares the captions. The weight is each item's part in the retrieved preference."
    >
      <Stack gap="xs" component="ul" className={classes.list}>
        {retrieved.map(({ item, similarity, weight }, index) => (
          <li key={item?.id ?? index} className={classes.retrieved}>
            <Picture
              className={classes.small}
              src={item?.image?.url ?? null}
              alt={item?.title ?? "A deleted item"}
              eager
            />
            <div className={classes.grow}>
              <Text size="sm" lineClamp={1} className="shop-text" dir="auto">
                {item?.title ?? "An item that the shop deleted"}
              </Text>
              <Progress
                value={largest > 0 ? (100 * weight) / largest : 0}
                size="sm"
                aria-label={`Weight of ${item?.title ?? "the deleted item"}`}
              />
            </div>
            <Text size="sm" className={classes.numbers}>
              weight {formatShare(weight, 1)}
              <br />
              <Text span c="dimmed" size="xs">
                similarity {formatNumber(similarity, 2)}
              </Text>
            </Text>
          </li>
        ))}
      </Stack>
    </Part>
  );
}

function Keywords({ image }: { image: ExplainedImage }) {
  const { preferenceKeywords, prompt, referenceKeywords } = image.explanation;
  return (
    <Part title="2. In words">
      <Stack gap="xs">
        <Words label="From the history" words={preferenceKeywords} />
        <Words label="Of the item" words={referenceKeywords} />
        <Text size="sm" c="dimmed">
          The generator&apos;s prompt
        </Text>
        <Code block className={classes.prompt} tabIndex={0} dir="auto">
          {prompt}
        </Code>
      </Stack>
    </Part>
  );
}

function Words({ label, words }: { label: string; words: readonly string[] }) {
  return (
    <Group gap={6}>
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      {words.length === 0 && <Text size="sm">none</Text>}
      {words.map(word => (
        <Badge key={word} variant="default" tt="none" fw={500}>
          {word}
        </Badge>
      ))}
    </Group>
  );
}

/** What was drawn, and which of it was taken. */
function Candidates({ image }: { image: ExplainedImage }) {
  const { candidates, chosenCandidate, rankBefore, scoreBefore } = image.explanation;
  return (
    <Part
      title="3. What was drawn"
      text="The ranking model scores each candidate; the best that passes the checks is taken."
    >
      <Table.ScrollContainer minWidth={440} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Image</Table.Th>
              <Table.Th className={classes.number}>Score</Table.Th>
              <Table.Th className={classes.number}>Rank</Table.Th>
              <Table.Th className={classes.number}>Like the image</Table.Th>
              <Table.Th>Checks</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            <Table.Tr>
              <Table.Td>Catalogue</Table.Td>
              <Table.Td className={classes.number}>{numberOr(scoreBefore, 3)}</Table.Td>
              <Table.Td className={classes.number}>{numberOr(rankBefore, 1)}</Table.Td>
              <Table.Td className={classes.number}>1</Table.Td>
              <Table.Td />
            </Table.Tr>
            {candidates.map(({ faults, imageSimilarity, rank, score }, index) => (
              <Table.Tr key={index} data-chosen={index === chosenCandidate || undefined}>
                <Table.Td>
                  Candidate {index + 1}
                  {index === chosenCandidate && (
                    <Badge ml={6} size="sm" tt="none">
                      taken
                    </Badge>
                  )}
                </Table.Td>
                <Table.Td className={classes.number}>{numberOr(score, 3)}</Table.Td>
                <Table.Td className={classes.number}>{numberOr(rank, 1)}</Table.Td>
                <Table.Td className={classes.number}>{formatNumber(imageSimilarity, 2)}</Table.Td>
                <Table.Td>
                  {faults.length === 0 ? "passed" : faults.map(inWords).join(", ")}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Part>
  );
}

function Facts({ image, item }: ExplanationProps) {
  const { explanation, fidelity, personalizer, rankChange } = image;
  const facts: [string, ReactNode][] = [
    [
      "Rank",
      rankChange
        ? `${formatNumber(rankChange.rankBefore, 1)} before, ${formatNumber(rankChange.rankAfter, 1)} after, of ${formatNumber(rankChange.numRanked)} (ΔR ${formatChange(rankChange.deltaR)})`
        : `not known: ${inWords(image.noRankChange ?? "none")}`,
    ],
    [
      "Fidelity",
      fidelity
        ? `SSIM ${formatNumber(fidelity.ssim, 2)}, colour difference ${formatNumber(fidelity.colorMean, 1)}, edges ${formatNumber(fidelity.edgeEnergy, 2)}${image.fidelityPolicy ? ` (policy ${inWords(image.fidelityPolicy)})` : ""}`
        : "not measured",
    ],
    ["Drawn in", `${formatSeconds(image.generationSeconds)}, ${formatTime(image.createdAt)}`],
    [
      "Settings",
      `seed ${image.seed}, ${formatNumber(explanation.numSteps)} steps, guidance ${formatNumber(explanation.guidanceScale, 1)}, strength ${formatNumber(explanation.strength, 2)}`,
    ],
    ["Generator", image.generator],
    ["Personalizer", personalizer ? `version ${personalizer.id}` : "untrained condition"],
    [
      "Ranking model",
      rankChange
        ? `${rankChange.modelVersion.algorithm}, version ${rankChange.modelVersion.id}`
        : "none",
    ],
    ["Prompt and keywords", `${image.promptVersion}, ${explanation.keywordExtractor}`],
    [
      "Provenance",
      image.disclosure
        ? `${image.disclosure} The file carries the IPTC mark of images made by an algorithm.`
        : "Nothing in this image is generated.",
    ],
    ...(item.attribution ? [["Catalogue image", item.attribution] as [string, ReactNode]] : []),
  ];
  return (
    <Part title="4. Facts">
      <dl className={classes.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <Text component="dt" size="sm" c="dimmed">
              {name}
            </Text>
            <Text component="dd" size="sm" className="shop-text">
              {value}
            </Text>
          </div>
        ))}
      </dl>
    </Part>
  );
}

function numberOr(value: number | null, digits: number): string {
  return value === null ? "?" : formatNumber(value, digits);
}

/** `UNLIKE_REFERENCE` as "unlike reference". */
function inWords(code: string): string {
  return code.toLowerCase().replaceAll("_", " ");
}
