/**
 * The README's promise: the packed package, installed in an empty project with its own graphql 16.x, compiles and serves
 * in Apollo Server, GraphQL Yoga and fastify. The hosts are the snippets of docs/embedding.md.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  installHost,
  packRepository,
  type RunningHost,
  runHosted,
  startHost,
} from "../helpers/packed-host.js";
import { patience } from "../helpers/patience.js";

const run = promisify(execFile);
/** `levels` nested levels of an item's rank changes, whose images give the items of the next level. */
const nestedItems = (levels: number, first: number) =>
  `${`rankChanges(first: ${first}) { edges { node { image { item { `.repeat(levels)}id${" } } } } }".repeat(levels)}`;
const tooComplex = `{ items(first: 100) { edges { node { ${nestedItems(2, 100)} } } } }`;
const tooDeep = `{ item(id: "mug") { ${nestedItems(3, 1)} } }`;

interface Answer {
  data?: unknown;
  errors?: { message: string; extensions: Record<string, unknown> }[];
}

/** `[file, text]` of every snippet of a page that starts with its file name. */
function snippetsOf(page: string): [string, string][] {
  const blocks = readFileSync(page, "utf8").matchAll(/```ts\n\/\/ (\w+\.ts)\n([^]*?)```/g);
  return [...blocks].map(([, file, text]) => [file, text]);
}

describe("the packed package in an empty project", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-embedding-"));
  const home = join(folder, "home");
  const env = { VITRINE_HOME: home, VITRINE_LOG_LEVEL: "error", VITRINE_RUN_JOBS: "0", PORT: "0" };
  let host: string;
  let key: string;

  const tsc = (files: readonly string[], ...options: string[]) =>
    run(
      process.execPath,
      [
        "node_modules/typescript/bin/tsc",
        ...["--strict", "--noEmitOnError", "--target", "ES2022", "--lib", "ES2023"],
        ...["--module", "NodeNext", "--types", "node", ...options, ...files],
      ],
      { cwd: host },
    ).catch((error: unknown) => {
      throw new Error((error as { stdout: string }).stdout);
    });

  beforeAll(async () => {
    host = await installHost(folder, await packRepository(folder), "graphql-16-12");
    for (const [file, text] of snippetsOf("docs/embedding.md")) {
      writeFileSync(join(host, file), text);
    }
    const [, readme] = /## In your own process[^]*?```ts\n([^]*?)```/.exec(
      readFileSync("README.md", "utf8"),
    )!;
    writeFileSync(join(host, "readme.ts"), readme);
    writeFileSync(join(host, "items.csv"), "id,title\nmug,A blue mug\n");
    const imported = ["import", "catalogue", "--items", "items.csv"];
    await runHosted(host, "node_modules/vitrine/dist/cli/main.js", imported, env);
    const made = ["keys", "create", "host", "--role", "storefront", "--json"];
    ({ key } = JSON.parse(
      await runHosted(host, "node_modules/vitrine/dist/cli/main.js", made, env),
    ) as { key: string });
  }, patience(240_000));

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("contains declarations, schema and errors, and shares the host's graphql", () => {
    const vitrine = join(host, "node_modules/vitrine");
    for (const file of ["dist/index.d.ts", "dist/apollo.d.ts", "dist/fastify.d.ts"]) {
      expect(existsSync(join(vitrine, file))).toBe(true);
    }
    const { exports } = JSON.parse(readFileSync(join(vitrine, "package.json"), "utf8")) as {
      exports: Record<string, string>;
    };
    for (const path of ["./schema.graphql", "./errors.md"]) {
      expect(existsSync(join(vitrine, exports[path]))).toBe(true);
    }
    expect(existsSync(join(vitrine, "node_modules"))).toBe(false);
    expect(readFileSync(join(host, "node_modules/graphql/package.json"), "utf8")).toContain(
      '"version": "16.12.0"',
    );
  });

  it("compiles in a strict host that checks its packages' declarations", async () => {
    const files = ["readme", "vitrine", "accounts", "apollo", "fastify", "limits"];
    await tsc(files.map(name => `${name}.ts`));
    await tsc(["yoga.ts"], "--skipLibCheck"); // Yoga's own declarations do not compile in this project
  });

  async function inHost(file: string, test: (running: RunningHost) => Promise<void>) {
    const running = await startHost(host, file, env);
    try {
      await test(running);
    } finally {
      await running.stop();
    }
  }

  async function post(url: string, query: string): Promise<{ status: number } & Answer> {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query }),
    });
    return { status: response.status, ...((await response.json()) as Answer) };
  }

  /** The answers of every host; only the status of errors is up to the server. */
  async function answersLikeVitrine({ url }: RunningHost) {
    expect(await post(url, '{ item(id: "mug") { title } }')).toEqual({
      status: 200,
      data: { item: { title: "A blue mug" } },
    });
    expect((await post(url, '{ item(id: "cup") { title } }')).errors).toMatchObject([
      {
        message: "No item with id 'cup'",
        extensions: { code: "ITEM_NOT_FOUND", details: { itemId: "cup" } },
      },
    ]);
    const complex = await post(url, tooComplex);
    expect(complex.errors?.[0].extensions.code).toBe("QUERY_TOO_COMPLEX");
    expect(complex.data ?? null).toBeNull();
    const deep = await post(url, tooDeep);
    expect(deep.errors?.[0].extensions.code).toBe("GRAPHQL_VALIDATION_FAILED");
    expect(deep.errors?.[0].message).toMatch(/depth/i);
  }

  async function servesImages({ url }: RunningHost) {
    const response = await fetch(new URL(`/images/${"0".repeat(64)}`, url));
    expect(response.status).toBe(404);
    expect(((await response.json()) as Answer).errors?.[0].extensions.code).toBe("IMAGE_NOT_FOUND");
  }

  it("serves in Apollo Server", () =>
    inHost("apollo.js", async running => {
      await answersLikeVitrine(running);
      expect((await post(running.url, '{ item(id: "cup") { title } }')).status).toBe(404);
    }));

  it("serves in GraphQL Yoga, given only the schema and the context", () =>
    inHost("yoga.js", async running => {
      await answersLikeVitrine(running);
      await servesImages(running);
    }));

  it("serves in fastify", () =>
    inHost("fastify.js", async running => {
      await answersLikeVitrine(running);
      await servesImages(running);
    }));
});
