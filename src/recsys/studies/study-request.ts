/** @file What a study is made of, as it is asked for. */
import { z } from "zod";
import { studyMethods } from "./study-methods.js";

/** More make a study that nobody finishes: each pair is two questions. */
export const MAX_PAIRS = 60;
export const MAX_CHECKS = 10;
export const MAX_PARTICIPANTS = 1_000;

const pair = z.strictObject({
  userId: z.string().min(1),
  itemId: z.string().min(1),
  /** Whether the user agreed to show their history to participants. A simulated user need not be asked. */
  consent: z.boolean().default(false),
});

/** Payload of a `CREATE_STUDY` job. */
export const studyRequestSchema = z
  .strictObject({
    studyId: z.uuid(),
    title: z.string().trim().min(1).max(200),
    seed: z.int().min(0).max(2_147_483_647).default(1),
    methods: z
      .array(z.enum(studyMethods))
      .min(2)
      .refine(methods => new Set(methods).size === methods.length, "methods differ"),
    /** Given, or drawn: `numPairs` simulated users, each with an item that they have not chosen. */
    pairs: z.array(pair).min(1).max(MAX_PAIRS).nullish(),
    numPairs: z.int().min(1).max(MAX_PAIRS).default(10),
    /** Attention checks. */
    numChecks: z.int().min(0).max(MAX_CHECKS).default(2),
    maxParticipants: z.int().min(1).max(MAX_PARTICIPANTS).default(100),
  })
  .refine(
    ({ pairs }) =>
      new Set(pairs?.map(({ itemId, userId }) => `${userId}\0${itemId}`)).size ===
      (pairs?.length ?? 0),
    { path: ["pairs"], message: "pairs differ" },
  );

export type StudyRequest = z.output<typeof studyRequestSchema>;
export type StudyPairRequest = z.output<typeof pair>;
