import { defineConfig } from "prisma/config";

/** Read by Prisma's own CLI only; `vitrine db migrate` needs neither this file nor a native engine. */
export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "migrations" },
  datasource: { url: process.env.DATABASE_URL ?? "postgresql://localhost:5432/vitrine" },
});
