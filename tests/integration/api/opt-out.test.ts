/** @file Opting out of personalisation through the API. */
import { beforeAll, expect, it } from "@jest/globals";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";
import { Api, type Execute, itemId } from "./api-fixture.js";

interface Answered {
  optOut?: { id: string; optedOutAt: string | null };
  optIn?: { optedOutAt: string | null };
}

describeOnEveryDatabase("opting out", open => {
  let api: Api;
  let execute: Execute;
  let annasToken: string;
  beforeAll(async () => {
    api = await Api.create(await open());
    execute = await api.execute();
    annasToken = (await api.services.access.issueShopperToken("anna", 60)).token;
  });

  const optOut = (userId: string, as: string) =>
    execute<Answered>("mutation ($id: ID!) { optOut(userId: $id) { id optedOutAt } }", {
      as,
      variables: { id: userId },
    });

  it("is done by users for themselves, and cancels what is made for them alone", async () => {
    const stopped: string[] = [];
    api.events.on("cancelRequested", id => stopped.push(id));
    const forgotten: string[] = [];
    api.answers.forgotten = userId => {
      forgotten.push(userId);
    };
    const request = (userId: string, place: number) =>
      api.services.jobs.request("PERSONALIZE_IMAGE", imagePayload(itemId(place), userId), {
        userId,
        itemId: itemId(place),
      });
    const [annas, running, bens] = [
      await request("anna", 3),
      await request("anna", 4),
      await request("ben", 3),
    ];
    await api.db.prisma.job.update({ where: { id: running.id }, data: { state: "RUNNING" } });
    const before = Date.now();
    const { data, errors } = await optOut("anna", annasToken);
    expect(errors).toEqual([]);
    const { optedOutAt } = data!.optOut!;
    expect(Date.parse(optedOutAt!)).toBeGreaterThanOrEqual(before);
    expect(forgotten).toEqual(["anna"]);
    expect(stopped.sort()).toEqual([annas.id, running.id].sort());
    const state = async (id: string) => (await api.services.jobs.get(id)).state;
    expect(await state(annas.id)).toBe("CANCELLED");
    expect(await state(bens.id)).toBe("QUEUED");
    const { cancelRequested } = await api.services.jobs.get(running.id);
    expect(cancelRequested).toBe(true);

    const again = await optOut("anna", "STOREFRONT");
    expect(again.data!.optOut!.optedOutAt).toBe(optedOutAt); // the first time stays
    const record = await execute<{ exportUser: { user: { optedOutAt: string } } }>(
      '{ exportUser(userId: "anna") }',
      { as: "ADMIN" },
    );
    expect(record.data!.exportUser.user.optedOutAt).toBe(optedOutAt);
    const back = await execute<Answered>('mutation { optIn(userId: "anna") { optedOutAt } }', {
      as: annasToken,
    });
    expect(back.data!.optIn).toEqual({ optedOutAt: null });
  });

  it("is refused for another user, and for an id that cannot be stored", async () => {
    const { errors } = await optOut("ben", annasToken);
    expect(errors).toMatchObject([{ extensions: { code: "OTHER_USER" } }]);
    for (const id of ["", "x".repeat(201), "a\u0000b"]) {
      const answer = await optOut(id, "ADMIN");
      expect(answer.errors).toMatchObject([{ extensions: { code: "INVALID_ARGUMENT" } }]);
    }
    expect(await api.db.prisma.user.count({ where: { optedOutAt: { not: null } } })).toBe(0);
  });

  it("may come before the first interaction", async () => {
    const { data } = await optOut("a-new-visitor", "STOREFRONT");
    expect(data!.optOut).toMatchObject({ id: "a-new-visitor", optedOutAt: expect.any(String) });
    const { data: recorded } = await execute<{
      recordInteractions: { accepted: number; rejected: { code: string }[] };
    }>(
      `mutation ($input: [InteractionInput!]!) { recordInteractions(input: $input) { accepted rejected { code } } }`,
      {
        as: "STOREFRONT",
        variables: {
          input: [
            {
              userId: "a-new-visitor",
              itemId: itemId(1),
              kind: "VIEW",
              occurredAt: "2026-01-01T00:00:00Z",
            },
          ],
        },
      },
    );
    expect(recorded!.recordInteractions).toEqual({
      accepted: 0,
      rejected: [{ code: "USER_OPTED_OUT" }],
    });
  });
});
