/**
 * @file One server of the throughput benchmark, in a process of its own: `node throughput-server.js apollo|mercurius|vitrine`.
 * It sends its address, and for each message its CPU and memory, and the number of SQL statements since the last one. With
 * `--expose-gc`, garbage is collected before the memory is read.
 */
import { fastifyApolloDrainPlugin, fastifyApolloHandler } from "@as-integrations/fastify";
import { ApolloServer } from "@apollo/server";
import Fastify from "fastify";

const typeDefs = "type Query { health: String! }";
const health = () => "ok";

async function apollo() {
  const app = Fastify();
  const server = new ApolloServer({
    typeDefs,
    resolvers: { Query: { health } },
    plugins: [fastifyApolloDrainPlugin(app)],
  });
  await server.start();
  app.post("/graphql", fastifyApolloHandler(server));
  return { url: await app.listen({ host: "127.0.0.1", port: 0 }), statements: () => 0 };
}

async function mercurius() {
  const app = Fastify();
  const { default: plugin } = await import("mercurius");
  await app.register(plugin, { schema: typeDefs, resolvers: { Query: { health } } });
  return { url: await app.listen({ host: "127.0.0.1", port: 0 }), statements: () => 0 };
}

async function vitrine() {
  const [{ loadConfig }, { openDatabase }, { createPlugin }, { createServer }, { createLogger }] =
    await Promise.all([
      import("../../dist/config/config.js"),
      import("../../dist/db/database.js"),
      import("../../dist/plugin/create-plugin.js"),
      import("../../dist/server/create-server.js"),
      import("../../dist/plugin/create-logger.js"),
    ]);
  const config = loadConfig();
  const db = await openDatabase({
    databaseUrl: config.databaseUrl,
    folder: `${config.home}/postgres`,
  });
  let count = 0;
  const query = db.pool.query.bind(db.pool);
  db.pool.query = (...args) => {
    count++;
    return query(...args);
  };
  const logger = createLogger("error");
  const plugin = await createPlugin({ db, config, logger, runJobs: false });
  const { url } = await createServer({
    plugin,
    config: { ...config, host: "127.0.0.1", port: 0 },
    logger,
    probes: { ping: () => db.pool.query("SELECT 1") },
  });
  return {
    url,
    statements() {
      const since = count;
      count = 0;
      return since;
    },
  };
}

const servers = { apollo, mercurius, vitrine };
const { statements, url } = await servers[process.argv[2]]();
process.on("message", () => {
  globalThis.gc?.();
  process.send({
    statements: statements(),
    cpu: process.cpuUsage(),
    rss: process.memoryUsage().rss,
  });
});
process.on("disconnect", () => process.exit(0));
process.send({ url: `${url}/graphql` });
