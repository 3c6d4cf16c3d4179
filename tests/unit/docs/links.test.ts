/** Every relative link of the documentation leads to a file, and every anchor to a heading of it. */
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

it("states the commands that CI runs", () => {
  const readme = readFileSync("README.md", "utf8");
  const ci = readFileSync(".ci/run", "utf8");
  expect(readme).toContain("```sh\nnpm ci && npm test\n```");
  expect(ci).toMatch(/^npm ci && npm test$/m);
  expect(readme).toContain("```sh\nnpm ci && npm run demo\n```");
});
