/** The pages of the documentation: every relative link leads to a file or heading, and the words are the glossary's. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "pretrain/README.md",
  "models/mini/README.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter(name => name.endsWith(".md"))
    .map(name => join("docs", name)),
];

const withoutCode = (page: string) =>
  readFileSync(page, "utf8")
    .replace(/^```[^]*?^```/gm, "")
    .replace(/`[^`\n]*`/g, "");

/** `[link]` of a page: `[text](target)` and `![text](target)`. */
const linksOf = (page: string) =>
  [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter(target => !/^[a-z]+:/.test(target));

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");

const anchorsOf = (page: string) =>
  [
    ...readFileSync(page, "utf8")
      .replace(/^```[^]*?^```/gm, "")
      .matchAll(/^#+ (.*)$/gm),
  ].map(([, heading]) => anchorOf(heading));

function isBroken(page: string, target: string): boolean {
  const [path, anchor] = target.split("#");
  const file = path === "" ? page : join(dirname(page), path);
  if (!existsSync(file)) {
    return true;
  }
  return anchor !== undefined && !(statSync(file).isFile() && anchorsOf(file).includes(anchor));
}

it.each(pages)("%s has no broken link", page => {
  expect(linksOf(page).filter(target => isBroken(page, target))).toEqual([]);
});

it("finds a missing file, a missing heading and a missing own heading", () => {
  expect(isBroken("README.md", "docs/absent.md")).toBe(true);
  expect(isBroken("README.md", "docs/api.md#absent")).toBe(true);
  expect(isBroken("README.md", "#absent")).toBe(true);
  expect(isBroken("docs/api.md", "#limits")).toBe(false);
});

/** Paths of the repository in backticks, without patterns. */
const pathsOf = (page: string) =>
  [
    ...readFileSync(page, "utf8").matchAll(
      /`((?:src|tests|docs|pretrain|scripts|experiments|prompts|prisma)\/[\w./-]+)`/g,
    ),
  ].map(([, path]) => path);

it.each(pages.filter(page => !/CHANGELOG|adr/.test(page)))(
  "%s names only paths that exist",
  page => {
    expect(pathsOf(page).filter(path => !existsSync(path))).toEqual([]);
  },
);

/** Words of an older vocabulary (`studio` is a pack and a generator, STUDIO a kind of image): style, again, resume, train, generator and score say the same. errors.md comes from the code. */
const avoided = /\b(hands?|anew|goes on|taught|studio|artist|judgements?)\b/i;

it.each(pages.filter(page => !/CHANGELOG|errors/.test(page)))(
  "%s uses the glossary's words",
  page => {
    const lines = readFileSync(page, "utf8").split("\n");
    expect(lines.filter(line => avoided.test(line.replaceAll(/`[^`]*`|\bSTUDIO\b/g, "")))).toEqual(
      [],
    );
  },
);

it("states the commands that CI runs", () => {
  const readme = readFileSync("README.md", "utf8");
  const ci = readFileSync(".ci/run", "utf8");
  expect(readme).toContain("```sh\nnpm ci && npm test\n```");
  expect(ci).toMatch(/^npm ci && npm test$/m);
  expect(readme).toContain("```sh\nnpm ci && npm run demo\n```");
});
