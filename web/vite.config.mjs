/** @file Builds the pages into `dist-web`; `npm run build:web` runs it only when a file of `web/` has changed. */
import { resolve } from "node:path";
import { defineConfig } from "vite";

const root = import.meta.dirname;
/** With `npm run dev:web`: the server that answers the API. */
const api = process.env.VITRINE_DEV_API ?? "http://127.0.0.1:4000";

export default defineConfig({
  root,
  appType: "mpa",
  build: {
    outDir: resolve(root, "../dist-web"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the pages' policy allows no data: URLs
    modulePreload: { polyfill: false }, // it would be an inline script
    rollupOptions: {
      onLog(level, log, report) {
        // "use client" means nothing here: nothing is rendered on the server.
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") {
          report(level, log);
        }
      },
      input: ["index", "admin", "study"].map(name => resolve(root, `${name}.html`)),
    },
  },
  server: {
    proxy: {
      "/graphql": { target: api, ws: true },
      "/images": api,
      "/demo": api,
      "/health": api,
    },
  },
});
