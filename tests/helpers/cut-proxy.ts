/** @file A TCP proxy between a server and its database, which can cut, refuse, hold or drop connections. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * - `pass`: as if there were no proxy.
 * - `refuse`: nothing listens, and open connections are reset: the database is stopped.
 * - `hold`: connections stay, but no byte passes: the database, or the network, hangs.
 */
export type ProxyMode = "pass" | "refuse" | "hold";

export class CutProxy {
  private mode: ProxyMode = "pass";
  private readonly pairs = new Set<readonly [Socket, Socket]>();

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {}

  /** @param target The database's address. */
  static async start(target: { host: string; port: number }): Promise<CutProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new CutProxy(server, (server.address() as AddressInfo).port);
    server.on("connection", client => {
      proxy.join(client, target);
    });
    return proxy;
  }

  /** The same URL, through the proxy. */
  through(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = "127.0.0.1";
    url.port = String(this.port);
    return url.href;
  }

  get numConnections(): number {
    return this.pairs.size;
  }

  set(mode: ProxyMode): void {
    this.mode = mode;
    if (mode === "refuse") {
      this.cut();
    }
  }

  /** Resets connections. @param isCut Which of them; default: all. */
  cut(isCut: (place: number) => boolean = () => true): void {
    [...this.pairs].forEach((pair, place) => {
      if (isCut(place)) {
        pair.forEach(socket => socket.resetAndDestroy());
      }
    });
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }

  private join(client: Socket, target: { host: string; port: number }): void {
    if (this.mode === "refuse") {
      client.resetAndDestroy();
      return;
    }
    const database = connect(target);
    const pair = [client, database] as const;
    this.pairs.add(pair);
    const pipe = (from: Socket, to: Socket) => {
      from.on("data", bytes => {
        if (this.mode !== "hold") {
          to.write(bytes);
        }
      });
      from.on("error", () => undefined); // both ends are closed below
      from.on("close", () => {
        this.pairs.delete(pair);
        to.destroy();
      });
    };
    pipe(client, database);
    pipe(database, client);
  }
}
