/** @file The lint rule `vitrine/no-cycle`: no circular imports, those of types included, which `import-x/no-cycle` skips. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import ts from "typescript";

const imports = new Map();

/** The TypeScript file that `name` in `file` means; null for a package. */
function fileOf(file, name) {
  const path = resolve(dirname(file), name.replace(/\.js$/, ".ts"));
  return name.startsWith(".") && existsSync(path) ? path : null;
}

function importsOf(file) {
  if (!imports.has(file)) {
    const { importedFiles } = ts.preProcessFile(readFileSync(file, "utf8"));
    imports.set(
      file,
      importedFiles.flatMap(({ fileName }) => fileOf(file, fileName) ?? []),
    );
  }
  return imports.get(file);
}

/** The way from `start` to `target` along imports; null where there is none. */
function pathTo(target, start) {
  const cameFrom = new Map([[start, null]]);
  for (const file of cameFrom.keys()) {
    if (file === target) {
      const path = [];
      for (let at = file; at !== null; at = cameFrom.get(at)) {
        path.unshift(relative("", at));
      }
      return path;
    }
    for (const next of importsOf(file)) {
      if (!cameFrom.has(next)) {
        cameFrom.set(next, file);
      }
    }
  }
  return null;
}

export const noCycle = {
  meta: { type: "problem", schema: [], messages: { cycle: "Circular import: {{path}}" } },
  create(context) {
    const check = node => {
      const imported = node.source && fileOf(context.filename, node.source.value);
      const path = imported && pathTo(context.filename, imported);
      if (path) {
        context.report({ node, messageId: "cycle", data: { path: path.join(" -> ") } });
      }
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check };
  },
};
