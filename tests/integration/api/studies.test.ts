/** Studies over the API: joining by the link, answering, finishing, results, closing and erasing. */
import { randomUUID } from "node:crypto";
import sharp from "sharp";
import { resizeForServing } from "../../../src/db/image-codec.js";
import { StudiesRepository } from "../../../src/db/studies.repository.js";
import { StudyParticipantsRepository } from "../../../src/db/study-participants.repository.js";
import { createImageHandler, type HandleImage } from "../../../src/plugin/handle-image.js";
import { ServedImages } from "../../../src/plugin/served-images.js";
import { ParticipationService } from "../../../src/recsys/studies/participation.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { Api, type Execute, itemId } from "./api-fixture.js";

interface Task {
  pairId: string;
  question: "CLICK" | "MEANING";
  answer: string[] | null;
  images: { id: string; url: string }[];
  history: { id: string }[];
  reference: { id: string };
}

const SESSION = `{ studySession { title isFinished tasks {
  pairId question answer images { id url } history { id } reference { id } } } }`;
const SUBMIT = `mutation ($input: StudyAnswerInput!) { submitStudyAnswer(input: $input) { answer } }`;
const RESULTS = `query ($id: ID!) { study(id: $id) { numPairs numChecks numParticipants numFinished closedAt link answersCsv
  results { participants { joined finished failedChecks counted }
    questions { question numAnswers kendallsW pairAgreement friedman { chiSquare pValue }
      methods { method meanRank firstShare interval95 { low high } }
      comparisons { better worse difference pValue holmPValue } } } } }`;

interface StudyAnswer {
  study: {
    numPairs: number;
    numChecks: number;
    numParticipants: number;
    numFinished: number;
    link: string;
    answersCsv: string;
    results: {
      participants: object;
      questions: {
        question: string;
        numAnswers: number;
        methods: { method: string; meanRank: number }[];
      }[];
    };
  };
}

describeOnEveryDatabase("studies", open => {
  let api: Api;
  let execute: Execute;
  let handleImage: HandleImage;
  /** File of each method's image, by pair; what a participant cannot know. */
  const hashes = new Map<string, string>();
  const statements: string[] = [];

  beforeAll(async () => {
    api = await Api.create(await open({ onStatement: sql => statements.push(sql) }));
    execute = await api.execute();
    const images = new ServedImages({
      find: async hash => (await api.services.catalog.findBlobs([hash]))[0] ?? null,
      blobs: api.blobs,
      resize: resizeForServing,
    });
    const participants = new StudyParticipantsRepository(api.db.prisma);
    handleImage = createImageHandler(images, () => undefined, participants);
  });

  async function blob(shade: number) {
    const create = {
      width: 90,
      height: 60,
      channels: 3 as const,
      background: { r: shade, g: 9, b: 9 },
    };
    const bytes = await sharp({ create })
      .png()
      .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><secret/></x:xmpmeta>`)
      .toBuffer();
    const hash = await api.blobs.put(bytes);
    return {
      hash,
      mediaType: "image/png",
      sizeBytes: bytes.length,
      widthPixels: 90,
      heightPixels: 60,
    };
  }

  /** A study of four pairs and one check. */
  async function createStudy({ maxParticipants = 10, userId = "ben" } = {}): Promise<string> {
    const id = randomUUID();
    const methods = ["ORIGINAL", "SERVED", "KEYWORDS"];
    const blobs = await Promise.all([...Array(12).keys()].map(n => blob(20 * n)));
    const shown = [
      ...Array.from({ length: 5 }, () => ({ role: "HISTORY" as const, blobHash: api.blobHash })),
      { role: "REFERENCE" as const, blobHash: api.blobHash },
    ].map(image => ({ ...image, methods: [], isRight: false }));
    const pairs = [0, 1, 2, 3].map(n => ({
      userId,
      itemId: itemId(n),
      isCheck: false,
      hasConsent: true,
      images: [
        ...shown,
        ...methods.map((method, at) => {
          const { hash } = blobs[3 * n + at];
          hashes.set(`${n} ${method}`, hash);
          return { role: "CANDIDATE" as const, methods: [method], isRight: false, blobHash: hash };
        }),
      ],
    }));
    const check = {
      ...pairs[0],
      isCheck: true,
      images: [
        ...shown,
        ...[api.blobHash, blobs[4].hash, blobs[7].hash].map((blobHash, at) => ({
          role: "CANDIDATE" as const,
          methods: [],
          isRight: at === 0,
          blobHash,
        })),
      ],
    };
    const studies = new StudiesRepository(api.db.prisma);
    const missing = await studies.insert({
      id,
      title: "Cats",
      seed: 5,
      methods,
      generator: "mini@1",
      method: "plain",
      maxParticipants,
      pairs: [...pairs, check],
      blobs,
    });
    expect(missing).toBeNull();
    return id;
  }

  async function join(studyId: string): Promise<string> {
    const { data, errors } = await execute<{ joinStudy: { token: string } }>(
      "mutation ($id: ID!) { joinStudy(studyId: $id) { token } }",
      { variables: { id: studyId } },
    );
    expect(errors).toEqual([]);
    return data!.joinStudy.token;
  }

  async function tasksOf(token: string): Promise<Task[]> {
    const { data } = await execute<{ studySession: { tasks: Task[] } }>(SESSION, { as: token });
    return data!.studySession.tasks;
  }

  const codeOf = async (
    query: string,
    as: string | undefined,
    variables?: Record<string, unknown>,
  ) => (await execute(query, { as, variables })).errors[0]?.extensions?.code;

  /** The methods of a task's images, or `RIGHT` and `WRONG`; what the test knows and participants do not. */
  async function knownOf(ids: readonly string[]) {
    const rows = await api.db.prisma.studyImage.findMany({ where: { id: { in: [...ids] } } });
    return new Map(
      rows.map(({ id, isRight, methods }) => [id, methods[0] ?? (isRight ? "RIGHT" : "WRONG")]),
    );
  }

  /** Sorts every task by an order of methods. */
  async function answerAll(token: string, order: readonly string[], passes = true) {
    const known = passes ? ["RIGHT", "WRONG"] : ["WRONG", "RIGHT"];
    const wanted = [...order, ...known];
    for (const { images, pairId, question } of await tasksOf(token)) {
      const methods = await knownOf(images.map(({ id }) => id));
      const ranking = images
        .map(({ id }) => id)
        .sort((a, b) => wanted.indexOf(methods.get(a)!) - wanted.indexOf(methods.get(b)!));
      const { errors } = await execute(SUBMIT, {
        as: token,
        variables: { input: { pairId, question, ranking } },
      });
      expect(errors).toEqual([]);
    }
    return execute<{ finishStudy: { isFinished: boolean } }>(
      "mutation { finishStudy { isFinished } }",
      { as: token },
    );
  }

  it("gives exactly the expected table for three participants of known preferences", async () => {
    const id = await createStudy();
    await answerAll(await join(id), ["SERVED", "ORIGINAL", "KEYWORDS"]);
    await answerAll(await join(id), ["SERVED", "KEYWORDS", "ORIGINAL"]);
    const last = await answerAll(await join(id), ["ORIGINAL", "SERVED", "KEYWORDS"]);
    expect(last.data?.finishStudy.isFinished).toBe(true);
    await answerAll(await join(id), ["KEYWORDS", "ORIGINAL", "SERVED"], false); // fails the check
    await join(id); // answers nothing

    const { data, errors } = await execute<StudyAnswer>(RESULTS, {
      as: "RECOMMENDER",
      variables: { id },
    });
    expect(errors).toEqual([]);
    const { results, ...study } = data!.study;
    expect(study).toMatchObject({ numPairs: 4, numChecks: 1, numParticipants: 5, numFinished: 4 });
    expect(study.link).toBe(`/study/${id}`);
    expect(results.participants).toEqual({ joined: 5, finished: 4, failedChecks: 1, counted: 3 });
    const [click, meaning] = results.questions;
    expect(click).toMatchObject({
      numAnswers: 12,
      methods: [
        { method: "ORIGINAL", meanRank: 2 },
        { method: "SERVED", meanRank: 4 / 3, interval95: { low: 1, high: 2 } },
        { method: "KEYWORDS", meanRank: 8 / 3 },
      ],
      comparisons: [
        { better: "SERVED", worse: "ORIGINAL", pValue: 0.75, holmPValue: 1 },
        { better: "ORIGINAL", worse: "KEYWORDS", pValue: 0.75, holmPValue: 1 },
        { better: "SERVED", worse: "KEYWORDS", pValue: 0.25, holmPValue: 0.75 },
      ],
    });
    expect(meaning).toMatchObject({
      numAnswers: 12,
      kendallsW: 1,
      methods: [
        { method: "SERVED", meanRank: 1 },
        { method: "KEYWORDS", meanRank: 2 },
      ],
    });
    // header, four people with 4 x (3 + 2) ranks and a check each, and the end
    expect(study.answersCsv.split("\r\n")).toHaveLength(1 + 4 * 21 + 1);
  });

  it("tells participants nothing of methods: neither in answers nor in the images they get", async () => {
    const id = await createStudy();
    const token = await join(id);
    const { data } = await execute<{ studySession: { tasks: Task[] } }>(SESSION, { as: token });
    const told = JSON.stringify(data);
    for (const hash of [...hashes.values(), "ORIGINAL", "SERVED", "KEYWORDS", "ben", itemId(0)]) {
      expect(told).not.toContain(hash);
    }
    const [task] = data!.studySession.tasks;
    expect(task.history).toHaveLength(5);
    for (const { url } of task.images) {
      const response = await handleImage(new Request(`http://localhost${url}`));
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("image/webp");
      expect(response.headers.get("etag")).toBeNull();
      const bytes = Buffer.from(await response.arrayBuffer());
      expect((await sharp(bytes).metadata()).xmp).toBeUndefined();
    }
  });

  it("lets a participant see nothing else of the shop", async () => {
    const token = await join(await createStudy());
    const queries = [
      "{ items { edges { node { id } } } }",
      `{ user(id: "anna") { id } }`,
      "{ studies { pageInfo { hasNextPage } } }",
    ];
    for (const query of [...queries, "{ __schema { types { name } } }"]) {
      expect(await codeOf(query, token)).toBe("FORBIDDEN");
    }
    expect((await execute<{ health: string }>("{ health }", { as: token })).errors).toEqual([]);
  });

  it("refuses who is no participant of the study", async () => {
    expect(await codeOf(SESSION, undefined)).toBe("UNAUTHENTICATED");
    expect(await codeOf(SESSION, "ADMIN")).toBe("STUDY_PARTICIPANT_NEEDED");
    expect(await codeOf(SESSION, "vp_unknown")).toBe("STUDY_TOKEN_INVALID");
    const invitation = "query ($id: ID!) { studyInvitation(studyId: $id) { title } }";
    for (const id of [randomUUID(), "1", "' OR true"]) {
      expect(await codeOf(invitation, undefined, { id })).toBe("STUDY_NOT_FOUND");
    }
    // a pair of another study
    const token = await join(await createStudy());
    const [other] = await tasksOf(await join(await createStudy()));
    const input = { pairId: other.pairId, question: other.question, ranking: [] };
    expect(await codeOf(SUBMIT, token, { input })).toBe("STUDY_PAIR_NOT_FOUND");
  });

  it("resumes: answers are kept, the same again changes nothing, another replaces it", async () => {
    const token = await join(await createStudy());
    const [first] = await tasksOf(token);
    const ranking = first.images.map(({ id }) => id);
    const input = { pairId: first.pairId, question: first.question, ranking };
    await execute(SUBMIT, { as: token, variables: { input } });
    await execute(SUBMIT, { as: token, variables: { input } });
    const again = await tasksOf(token);
    expect(again[0]).toEqual({ ...first, answer: ranking });
    expect(again.slice(1).every(({ answer }) => answer === null)).toBe(true);
    const reversed = ranking.toReversed();
    await execute(SUBMIT, { as: token, variables: { input: { ...input, ranking: reversed } } });
    expect((await tasksOf(token))[0].answer).toEqual(reversed);
    expect(await api.db.prisma.studyAnswer.count({ where: { pairId: first.pairId } })).toBe(1);
  });

  it("refuses a ranking that is not of the task's images, and finishing too early", async () => {
    const token = await join(await createStudy());
    const [first, second] = await tasksOf(token);
    const ids = first.images.map(({ id }) => id);
    const wrong = [
      [],
      ids.slice(1),
      [...ids, ids[0]],
      ids.map(() => ids[0]),
      [...ids.slice(1), second.reference.id],
      [...ids.slice(1), "x'; DROP TABLE studies"],
    ];
    for (const ranking of wrong) {
      const input = { pairId: first.pairId, question: first.question, ranking };
      expect(await codeOf(SUBMIT, token, { input })).toBe("INVALID_ARGUMENT");
    }
    expect(await codeOf("mutation { finishStudy { isFinished } }", token)).toBe("STUDY_UNFINISHED");
  });

  it("keeps the answers of a participant who has finished", async () => {
    const token = await join(await createStudy());
    const [first] = await tasksOf(token);
    await answerAll(token, ["SERVED", "ORIGINAL", "KEYWORDS"]);
    const ranking = first.images.map(({ id }) => id).toReversed();
    const input = { pairId: first.pairId, question: first.question, ranking };
    expect(await codeOf(SUBMIT, token, { input })).toBe("STUDY_FINISHED");
    const session = await execute<{ studySession: object }>(SESSION, { as: token });
    expect(session.data?.studySession).toEqual({ title: "Cats", isFinished: true, tasks: [] });
    const again = await execute("mutation { finishStudy { isFinished } }", { as: token });
    expect(again.errors).toEqual([]);
  });

  it("takes as many participants as it may, each with another number", async () => {
    const id = await createStudy({ maxParticipants: 3 });
    const joining = await Promise.all(
      Array.from({ length: 6 }, () =>
        execute("mutation ($id: ID!) { joinStudy(studyId: $id) { token } }", { variables: { id } }),
      ),
    );
    const codes = joining.flatMap(({ errors }) => errors.map(({ extensions }) => extensions?.code));
    expect(codes).toEqual(["STUDY_FULL", "STUDY_FULL", "STUDY_FULL"]);
    const rows = await api.db.prisma.studyParticipant.findMany({ where: { studyId: id } });
    expect(rows.map(({ number }) => number).sort()).toEqual([0, 1, 2]);
  });

  it("limits how fast people join", async () => {
    const id = await createStudy();
    const participation = new ParticipationService({
      studies: new StudiesRepository(api.db.prisma),
      participants: new StudyParticipantsRepository(api.db.prisma),
      joinsPerMinute: 2,
    });
    await participation.join(id);
    await participation.join(id);
    await expect(participation.join(id)).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS" });
  });

  it("shows and takes nothing more when it is closed", async () => {
    const id = await createStudy();
    const token = await join(id);
    const [first] = await tasksOf(token);
    const close = "mutation ($id: ID!) { closeStudy(id: $id) { closedAt } }";
    expect(await codeOf(close, "STOREFRONT", { id })).toBe("FORBIDDEN");
    expect(await codeOf(close, "RECOMMENDER", { id: randomUUID() })).toBe("STUDY_NOT_FOUND");
    const closed = await execute<{ closeStudy: { closedAt: string } }>(close, {
      as: "RECOMMENDER",
      variables: { id },
    });
    const again = await execute(close, { as: "RECOMMENDER", variables: { id } });
    expect(again.data).toEqual(closed.data);
    expect(await codeOf(SESSION, token)).toBe("STUDY_CLOSED");
    const ranking = first.images.map(image => image.id);
    const input = { pairId: first.pairId, question: first.question, ranking };
    expect(await codeOf(SUBMIT, token, { input })).toBe("STUDY_CLOSED");
    expect(await codeOf("mutation { finishStudy { isFinished } }", token)).toBe("STUDY_CLOSED");
    expect(
      await codeOf("mutation ($id: ID!) { joinStudy(studyId: $id) { token } }", undefined, { id }),
    ).toBe("STUDY_CLOSED");
    const response = await handleImage(new Request(`http://localhost${first.images[0].url}`));
    expect(response.status).toBe(404);
  });

  it("queues the creation of a study, and refuses one that makes no sense", async () => {
    const create = `mutation ($input: CreateStudyInput!) { createStudy(input: $input) { kind state } }`;
    const input = { title: "Cats", methods: ["ORIGINAL", "SERVED"] };
    const queued = await execute(create, { as: "RECOMMENDER", variables: { input } });
    expect(queued.data).toEqual({ createStudy: { kind: "CREATE_STUDY", state: "QUEUED" } });
    const pair = { userId: "anna", itemId: itemId(1) };
    const wrong = [
      { ...input, title: " " },
      { ...input, methods: ["SERVED"] },
      { ...input, methods: ["SERVED", "SERVED"] },
      { ...input, pairs: [] },
      { ...input, pairs: [pair, pair] },
      { ...input, numPairs: 61 },
      { ...input, numChecks: -1 },
    ];
    for (const faulty of wrong) {
      expect(await codeOf(create, "RECOMMENDER", { input: faulty })).toBe("INVALID_ARGUMENT");
    }
  });

  it("lists studies in as many statements as one", async () => {
    await createStudy();
    await createStudy();
    const list =
      "query ($first: Int!) { studies(first: $first) { edges { node { id numPairs numFinished } } } }";
    const counts: number[] = [];
    for (const first of [1, 2]) {
      statements.length = 0;
      const { data } = await execute<{ studies: { edges: unknown[] } }>(list, {
        as: "RECOMMENDER",
        variables: { first },
      });
      expect(data?.studies.edges).toHaveLength(first);
      counts.push(statements.filter(sql => sql.includes("stud")).length);
    }
    expect(counts).toEqual([2, 2]);
  });

  it("does not ask about a pair with a rejected picture, nor count its answers", async () => {
    const id = await createStudy();
    const token = await join(id);
    await answerAll(token, ["SERVED", "ORIGINAL", "KEYWORDS"]);
    const blobHash = hashes.get("1 SERVED")!; // the check shows it too
    await api.db.prisma.imageRejection.create({ data: { blobHash, reason: "ugly" } });
    const tasks = await tasksOf(await join(id));
    expect(tasks.filter(({ question }) => question === "CLICK")).toHaveLength(3);
    const { data } = await execute<StudyAnswer>(RESULTS, { as: "RECOMMENDER", variables: { id } });
    expect(data?.study.results.questions[0].numAnswers).toBe(3);
    await api.db.prisma.imageRejection.deleteMany();
  });

  it("forgets the pairs of an erased user with their answers, images and queued studies", async () => {
    await api.db.prisma.user.create({ data: { id: "carla" } });
    const id = await createStudy({ userId: "carla" });
    const token = await join(id);
    await answerAll(token, ["SERVED", "ORIGINAL", "KEYWORDS"]);
    const images = await api.db.prisma.studyImage.findMany({ where: { pair: { studyId: id } } });
    const own = images.find(({ blobHash }) => blobHash !== api.blobHash)!;
    await execute(
      `mutation { createStudy(input: { title: "C", methods: [ORIGINAL, SERVED], pairs: [{ userId: "carla", itemId: "x" }] }) { id } }`,
      { as: "RECOMMENDER" },
    );
    const erase = `mutation { deleteUser(userId: "carla") { existed } }`;
    expect((await execute(erase, { as: "ADMIN" })).errors).toEqual([]);
    expect(await api.db.prisma.studyPair.count({ where: { studyId: id } })).toBe(0);
    expect(await api.db.prisma.studyAnswer.count({ where: { participant: { studyId: id } } })).toBe(
      0,
    );
    const response = await handleImage(new Request(`http://localhost/images/${own.id}`));
    expect(response.status).toBe(404);
    const jobs = await api.db.prisma.job.findMany({ where: { kind: "CREATE_STUDY" } });
    expect(JSON.stringify(jobs)).not.toContain("carla");
    const { data } = await execute<StudyAnswer>(RESULTS, { as: "RECOMMENDER", variables: { id } });
    expect(data?.study.results.questions[0].numAnswers).toBe(0);
  });
});
