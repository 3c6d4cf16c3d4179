/** @file What the demo's server offers beside the API: the simulated users, and a token for each. */
import { ApiClient } from "../shared/api-client";
import { ApiError, awayError, type GraphQLFault } from "../shared/api-error";
import { noteAnswer, noteAway } from "../shared/connection";

export interface DemoUser {
  id: string;
  /** What this user likes, in words. */
  style: string;
  /** The share of the choices that have it; null if it is not counted. */
  styleShare: number | null;
  numChoices: number;
  pictures: string[];
}

interface Session {
  token: string;
  expiresAt: string;
}

/** A token is renewed when it is valid for less than this. */
const RENEW_MS = 60_000;

/** @throws ApiError */
export async function findDemoUsers(): Promise<DemoUser[]> {
  const { shoppers } = await call<{ shoppers: DemoUser[] }>("/demo/shoppers");
  return shoppers;
}

export interface WindowItem {
  id: string;
  title: string;
  image: { url: string } | null;
}

/** Some items of different kinds, the same for every user. @throws ApiError */
export async function findWindow(): Promise<WindowItem[]> {
  const { items } = await call<{ items: WindowItem[] }>("/demo/window");
  return items;
}

const clients = new Map<string, ApiClient>();

/** The one caller with the rights of this simulated user. */
export function clientOf(userId: string): ApiClient {
  const client = clients.get(userId) ?? demoClient(userId);
  clients.set(userId, client);
  return client;
}

/** A caller with the rights of this simulated user; its tokens are renewed in time. */
function demoClient(userId: string): ApiClient {
  let session: Promise<Session> | null = null;
  let renewAt = Number.POSITIVE_INFINITY;
  return new ApiClient(`user ${userId}`, async () => {
    if (!session || Date.now() > renewAt) {
      renewAt = Number.POSITIVE_INFINITY;
      session = call<Session>("/demo/session", { userId });
      session.then(
        ({ expiresAt }) => (renewAt = Date.parse(expiresAt) - RENEW_MS),
        () => (session = null), // the next request tries again
      );
    }
    return (await session).token;
  });
}

async function call<Result>(path: string, body?: unknown): Promise<Result> {
  const init: RequestInit = body
    ? {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }
    : {};
  const response = await fetch(path, init).catch(() => null);
  const answer = (await response?.json().catch(() => null)) as
    (Result & { errors?: GraphQLFault[] }) | null | undefined;
  if (!response || !answer) {
    noteAway();
    throw awayError();
  }
  noteAnswer();
  if (answer.errors) {
    throw new ApiError(answer.errors[0], response.status);
  }
  return answer;
}
