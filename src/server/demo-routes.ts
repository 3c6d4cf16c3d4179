/** @file What the demo's storefront page needs beside the API: the simulated shoppers, and a token for one of them. */
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { AppError } from "../errors/app-error.js";

/** A simulated shopper to choose on the page. */
export interface DemoShopper {
  id: string;
  /** What this shopper likes, such as `flat vector`. */
  style: string;
  /** The share of the shopper's choices that have it, 0 to 1; null if it is not counted. */
  styleShare: number | null;
  numChoices: number;
  /** URLs of pictures of the shopper's latest choices. */
  pictures: string[];
}

/** An item that every shopper sees. */
export interface DemoItem {
  id: string;
  title: string;
  image: { url: string };
}

/** Opens the storefront to everyone who reaches the server: for simulated shoppers only. */
export interface DemoDesk {
  shoppers(): Promise<DemoShopper[]>;
  /** Popular items of different kinds. */
  window(): Promise<DemoItem[]>;
  /** A token of the shopper's own rights. @throws AppError `USER_NOT_FOUND` unless the shopper is simulated */
  openSession(userId: string): Promise<{ token: string; expiresAt: Date }>;
}

const sessionRequest = z.object({ userId: z.string().min(1).max(200) });

export function demoRoutes(app: FastifyInstance, desk: DemoDesk): void {
  app.get("/demo/shoppers", async (_request, reply) =>
    reply.header("cache-control", "no-store").send({ shoppers: await desk.shoppers() }),
  );
  app.get("/demo/window", async (_request, reply) =>
    reply.header("cache-control", "no-store").send({ items: await desk.window() }),
  );
  app.post("/demo/session", async (request, reply) => {
    const body = sessionRequest.safeParse(request.body);
    if (!body.success) {
      const problem = "must be the id of a simulated shopper";
      throw new AppError("INVALID_ARGUMENT", { argument: "userId", problem });
    }
    const { token, expiresAt } = await desk.openSession(body.data.userId);
    return reply.header("cache-control", "no-store").send({ token, expiresAt });
  });
}
