/** @file What the plugin does in a shop, on any database: a real Vendure server with its sample catalogue, and a real Vitrine. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Asset,
  LanguageCode,
  Product,
  RequestContextService,
  TransactionalConnection,
} from "@vendure/core";
import { ProductEvent, EventBus } from "@vendure/core";
import { E2E_DEFAULT_CHANNEL_TOKEN } from "@vendure/testing";
import { gql } from "graphql-tag";
import { ShopperEvents, type ShopperJob } from "../src/shopper-events";
import { openShop, type Shop, type ShopDatabase } from "./shop";
import {
  eventually,
  type Fault,
  type Front,
  openFront,
  type RunningVitrine,
  startVitrine,
} from "./vitrine-server";

const productQuery = gql`
  query ($slug: String!) {
    product(slug: $slug) {
      id
      name
      featuredAsset {
        preview
      }
      variants {
        id
      }
      personalizedImage {
        url
        widthPixels
        heightPixels
        disclosure
      }
      recommendations(take: 4) {
        name
      }
    }
  }
`;
const searchQuery = gql`
  query {
    search(input: { take: 16, groupByProduct: true }) {
      items {
        productId
        slug
        productAsset {
          preview
        }
        personalizedImage {
          url
        }
      }
    }
  }
`;
const viewMutation = gql`
  mutation ($id: ID!) {
    recordProductView(productId: $id)
  }
`;
const addMutation = gql`
  mutation ($id: ID!) {
    addItemToOrder(productVariantId: $id, quantity: 2) {
      __typename
    }
  }
`;

interface Item {
  id: string;
  title: string;
  description: string;
  category: string | null;
  keywords: string[];
  isAvailable: boolean;
  image: { widthPixels: number } | null;
  variants: { id: string; options: { name: string; value: string }[] }[];
}
interface Row {
  item: { id: string; title: string };
  kind: string;
  weight: number;
}
/** Faults of Vitrine, as a proxy would show them. */
const faults: Record<string, Exclude<Fault, null>> = {
  away: response => response.destroy(),
  slow: () => undefined,
  "answering 401": response => response.writeHead(401).end('{"errors":[{"message":"no"}]}'),
  "answering 429": response => response.writeHead(429, { "retry-after": "60" }).end("{}"),
  "answering 502 with a page": response => response.writeHead(502).end("<html>bad gateway</html>"),
  "answering nonsense": response =>
    response.writeHead(200).end('{"data":{"personalizeImage":null}}'),
};

export function describeShop(database: ShopDatabase): void {
  describe(`the plugin in a shop (${database})`, () => {
    let vitrine: RunningVitrine;
    let front: Front;
    let shop: Shop;

    before(async () => {
      vitrine = await startVitrine();
      front = await openFront(vitrine.url);
      shop = await openShop(database, {
        ...{ url: front.url, apiKey: vitrine.key },
        ...{ pauseMs: 0, pageWaitMs: 3_000, batchSize: 10 },
      });
    });
    after(async () => {
      await shop?.close();
      await front?.close();
      await vitrine?.stop();
    });

    const itemFields =
      "id title description category keywords isAvailable image { widthPixels } variants { id options { name value } }";
    const item = async (id: string) =>
      (
        await vitrine.ask<{ item: Item }>(`query ($id: ID!) { item(id: $id) { ${itemFields} } }`, {
          id,
        })
      ).item;
    const history = async (id: string) => {
      const { user } = await vitrine.ask<{ user: { history: { edges: { node: Row }[] } } | null }>(
        "query ($id: ID!) { user(id: $id) { history(first: 50) { edges { node { item { id title } kind weight } } } } }",
        { id },
      );
      return user?.history.edges.map(({ node }) => node) ?? [];
    };
    const userIds = async (search: string) => {
      const { users } = await vitrine.ask<{ users: { edges: { node: { id: string } }[] } }>(
        "query ($search: String!) { users(first: 100, search: $search) { edges { node { id } } } }",
        { search },
      );
      return users.edges.map(({ node }) => node.id);
    };
    const product = async (slug: string) =>
      (await shop.shopClient.query(productQuery, { slug })).product;
    /** Ids in the test shop's API are encoded: `T_1` is 1. */
    const plain = (id: string) => id.replace("T_", "");
    const updateProduct = (input: object) =>
      shop.adminClient.query(
        gql`
          mutation ($input: UpdateProductInput!) {
            updateProduct(input: $input) {
              id
            }
          }
        `,
        { input },
      );
    const login = async (n: number) => {
      const { customers } = await shop.adminClient.query(gql`
        query {
          customers(options: { sort: { id: ASC } }) {
            items {
              id
              emailAddress
            }
          }
        }
      `);
      const { emailAddress, id } = customers.items[n];
      const before = shop.shopClient.getAuthToken();
      await shop.shopClient.query(
        gql`
          mutation ($username: String!) {
            login(username: $username, password: "test") {
              __typename
            }
          }
        `,
        { username: emailAddress },
      );
      assert.notEqual(shop.shopClient.getAuthToken(), before);
      return { id: id as string, userId: `customer-${plain(id)}` };
    };
    /** A guest who viewed some products, and is known to Vitrine. */
    const guestWith = async (slugs: readonly string[]) => {
      const known = await userIds("guest-");
      await shop.shopClient.asAnonymousUser();
      for (const slug of slugs) {
        const { id } = await product(slug);
        await shop.shopClient.query(viewMutation, { id });
      }
      const userId = await eventually(async () =>
        (await userIds("guest-")).find(id => !known.includes(id)),
      );
      await eventually(async () => (await history(userId)).length === slugs.length);
      return userId;
    };

    /** The result of a job of the plugin's queue. */
    const finished = (data: ShopperJob): Promise<unknown> =>
      shop.server.app.get(ShopperEvents, { strict: false }).run(data);

    it("sends the whole catalogue when it starts", async () => {
      const { products } = await shop.shopClient.query(gql`
        query {
          products {
            totalItems
          }
        }
      `);
      await eventually(async () => {
        const { items } = await vitrine.ask<{ items: { edges: unknown[] } }>(
          "{ items(first: 100) { edges { node { id } } } }",
        );
        return items.edges.length === products.totalItems;
      });
      const { id } = await product("laptop");
      const laptop = await item(plain(id));
      assert.equal(laptop.title, "Laptop");
      assert.match(laptop.description, /^Now equipped with/);
      assert.equal(laptop.category, "Computers");
      assert.ok(laptop.keywords.includes("Apple"), laptop.keywords.join());
      assert.equal(laptop.isAvailable, true);
      assert.ok(laptop.image!.widthPixels > 300);
      assert.equal(laptop.variants.length, 4);
      assert.deepEqual(
        laptop.variants[0].options.map(({ value }) => value).sort(),
        ["13 inch", "8GB"].sort(),
      );
    });

    it("gives a visitor without a history the shop's own image", async () => {
      await shop.shopClient.asAnonymousUser();
      const laptop = await product("laptop");
      assert.equal(laptop.personalizedImage, null);
      assert.ok(laptop.featuredAsset.preview);
    });

    it("gives a guest personalised images and recommendations", async () => {
      await guestWith(["tripod", "instant-camera", "camera-lens"]);
      // Some photographs cannot be personalised: those keep the shop's image.
      const { slug, url } = await eventually(async () => {
        const { search } = await shop.shopClient.query(searchQuery);
        const found = search.items.find((one: any) => one.personalizedImage !== null);
        return found && { slug: found.slug as string, url: found.personalizedImage.url as string };
      });
      const answer = await fetch(url);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get("content-type")!, /^image\//);
      const { name, personalizedImage, recommendations } = await eventually(async () => {
        const found = await product(slug);
        return found.recommendations.length === 4 && found;
      });
      assert.equal(personalizedImage.url, url);
      assert.ok(personalizedImage.widthPixels > 0);
      assert.ok(!recommendations.some((one: { name: string }) => one.name === name));
    });

    it("records carts, and merges the guest with the customer who logs in", async () => {
      const guest = await guestWith(["bonsai-tree"]);
      const { variants, id } = await product("orchid");
      await shop.shopClient.query(addMutation, { id: variants[0].id });
      await eventually(async () => (await history(guest)).length === 2);
      const { userId } = await login(0);
      const rows = await eventually(async () => {
        const found = await history(userId);
        return found.length === 2 && found;
      });
      assert.deepEqual(rows.map(({ kind }) => kind).sort(), ["CART", "VIEW"]);
      assert.equal(rows.find(({ kind }) => kind === "CART")!.item.id, plain(id));
      assert.deepEqual((await userIds(guest)).length, 0);

      // A view of the guest that comes after the login, twice.
      const view = { userId: guest, itemId: plain(id), kind: "VIEW", weight: 1 } as const;
      const late = { ...view, occurredAt: "2026-01-02T03:04:05.000Z" };
      await finished({ kind: "record", rows: [late] });
      await finished({ kind: "record", rows: [late] });
      assert.equal((await history(userId)).length, 3);
      assert.deepEqual((await userIds(guest)).length, 0);
    });

    it("records an order once, and erases the customer when the shop does", async () => {
      await shop.shopClient.asAnonymousUser();
      const customer = await login(1);
      const { variants, id } = await product("spiky-cactus");
      await shop.shopClient.query(addMutation, { id: variants[0].id });
      await shop.shopClient.query(gql`
        mutation {
          setOrderShippingAddress(input: { streetLine1: "1 Road", countryCode: "GB" }) {
            __typename
          }
        }
      `);
      const { eligibleShippingMethods } = await shop.shopClient.query(gql`
        query {
          eligibleShippingMethods {
            id
          }
        }
      `);
      await shop.shopClient.query(
        gql`
          mutation ($id: [ID!]!) {
            setOrderShippingMethod(shippingMethodId: $id) {
              __typename
            }
          }
        `,
        { id: [eligibleShippingMethods[0].id] },
      );
      await shop.shopClient.query(gql`
        mutation {
          transitionOrderToState(state: "ArrangingPayment") {
            __typename
          }
        }
      `);
      const { addPaymentToOrder } = await shop.shopClient.query(gql`
        mutation {
          addPaymentToOrder(input: { method: "standard-payment", metadata: {} }) {
            __typename
            ... on ErrorResult {
              message
            }
          }
        }
      `);
      assert.equal(addPaymentToOrder.__typename, "Order", addPaymentToOrder.message);
      const rows = await eventually(async () => {
        const found = await history(customer.userId);
        return found.some(({ kind }) => kind === "PURCHASE") && found;
      });
      assert.deepEqual(
        rows.filter(({ kind }) => kind === "PURCHASE").map(row => [row.item.id, row.weight]),
        [[plain(id), 2]],
      );
      await shop.adminClient.query(
        gql`
          mutation ($id: ID!) {
            deleteCustomer(id: $id) {
              result
            }
          }
        `,
        { id: customer.id },
      );
      await eventually(async () => !(await userIds("customer-")).includes(customer.userId));

      // A view that comes after the erasure.
      const view = { userId: customer.userId, itemId: plain(id), kind: "VIEW", weight: 1 } as const;
      const lateRows = [{ ...view, occurredAt: "2026-01-02T03:04:05.000Z" }];
      assert.equal(await finished({ kind: "record", rows: lateRows }), "the shopper was erased");
      assert.ok(!(await userIds("customer-")).includes(customer.userId));
    });

    it("sends what changes, from the state of now, however often and late an event comes", async () => {
      const { id } = await product("tent");
      await updateProduct({
        id,
        translations: [{ languageCode: "en", name: "Big Tent", description: "<p>A &amp; B</p>" }],
      });
      await eventually(async () => (await item(plain(id))).title === "Big Tent");
      assert.equal((await item(plain(id))).description, "A & B");

      // An old event, twice, with the product as it was.
      const ctx = await shop.server.app.get(RequestContextService).create({ apiType: "admin" });
      const old = new Product({ id: plain(id), enabled: false });
      for (let time = 0; time < 2; time++) {
        await shop.server.app.get(EventBus).publish(new ProductEvent(ctx, old, "updated"));
      }
      await updateProduct({ id, enabled: false });
      await eventually(async () => !(await item(plain(id))).isAvailable);
      assert.equal((await item(plain(id))).title, "Big Tent");
      await updateProduct({ id, enabled: true });
      await eventually(async () => (await item(plain(id))).isAvailable);
    });

    it("takes a product without an asset, and makes a deleted one unavailable", async () => {
      const { createProduct } = await shop.adminClient.query(gql`
        mutation {
          createProduct(
            input: {
              enabled: true
              translations: [{ languageCode: en, name: "Bare", slug: "bare", description: "" }]
            }
          ) {
            id
          }
        }
      `);
      const id = plain(createProduct.id);
      const bare = await eventually(() => item(id).catch(() => null));
      assert.deepEqual([bare.title, bare.image, bare.variants], ["Bare", null, []]);
      await guestWith(["tripod", "instant-camera"]);
      const shown = await product("bare");
      assert.deepEqual([shown.featuredAsset, shown.personalizedImage], [null, null]);
      const tent = await product("tent");
      await shop.adminClient.query(
        gql`
          mutation ($id: ID!) {
            deleteProduct(id: $id) {
              result
            }
          }
        `,
        { id: tent.id },
      );
      await eventually(async () => !(await item(plain(tent.id))).isAvailable);
    });

    it("keeps a product whose file is gone", async () => {
      const { id } = await product("basketball");
      const connection = shop.server.app.get(TransactionalConnection).rawConnection;
      const row = await connection
        .getRepository(Product)
        .findOneOrFail({ where: { id: plain(id) }, relations: { featuredAsset: true } });
      await connection
        .getRepository(Asset)
        .update({ id: row.featuredAsset.id }, { preview: "gone.jpg" });
      await updateProduct({ id, translations: [{ languageCode: "en", name: "Ball" }] });
      const ball = await eventually(async () => {
        const found = await item(plain(id));
        return found.title === "Ball" && found;
      });
      assert.ok(ball.image, "its image stays");
    });

    it("answers in the language and channel of the request", async () => {
      const { id } = await product("orchid");
      await updateProduct({
        id,
        translations: [
          { languageCode: LanguageCode.de, name: "Orchidee", slug: "orchidee", description: "" },
        ],
      });
      await shop.adminClient.query(gql`
        mutation {
          updateGlobalSettings(input: { availableLanguages: [en, de] }) {
            __typename
          }
        }
      `);
      const { createChannel } = await shop.adminClient.query(gql`
        mutation {
          createChannel(
            input: {
              code: "other"
              token: "other-token"
              defaultLanguageCode: de
              availableLanguageCodes: [de, en]
              pricesIncludeTax: false
              defaultCurrencyCode: EUR
              defaultTaxZoneId: "T_1"
              defaultShippingZoneId: "T_1"
            }
          ) {
            __typename
            ... on Channel {
              id
            }
          }
        }
      `);
      assert.equal(createChannel.__typename, "Channel");
      await shop.adminClient.query(
        gql`
          mutation ($input: AssignProductsToChannelInput!) {
            assignProductsToChannel(input: $input) {
              id
            }
          }
        `,
        { input: { channelId: createChannel.id, productIds: [id] } },
      );
      await guestWith(["tripod", "instant-camera", "bonsai-tree"]);
      const shelf = gql`
        query {
          recommendations(take: 50) {
            name
          }
        }
      `;
      const all = await eventually(async () => {
        const { recommendations } = await shop.shopClient.query(shelf);
        return recommendations.length > 5 && (recommendations as { name: string }[]);
      });
      assert.ok(all.some(({ name }) => name === "Orchid"));
      shop.shopClient.setChannelToken("other-token");
      try {
        const { recommendations } = await shop.shopClient.query(shelf);
        assert.deepEqual(recommendations, [{ name: "Orchidee" }]);
        assert.equal((await product("orchidee")).name, "Orchidee");
      } finally {
        shop.shopClient.setChannelToken(E2E_DEFAULT_CHANNEL_TOKEN);
      }
      // Vitrine keeps the text of the default channel's language.
      assert.equal((await item(plain(id))).title, "Orchid");
    });

    describe("when Vitrine fails", () => {
      let slug: string;
      before(async () => {
        await guestWith(["tripod", "instant-camera", "camera-lens"]);
        slug = await eventually(async () => {
          const { search } = await shop.shopClient.query(searchQuery);
          return search.items.find((one: any) => one.personalizedImage !== null)?.slug as string;
        });
      });

      for (const [name, fault] of Object.entries(faults)) {
        it(`shows the shop's own images while it is ${name}, and others afterwards`, async () => {
          front.fault = fault;
          try {
            const shown = await product(slug);
            assert.ok(shown.featuredAsset.preview);
            assert.equal(shown.personalizedImage, null);
            assert.deepEqual(shown.recommendations, []);
            const { search } = await shop.shopClient.query(searchQuery);
            assert.equal(search.items.length, 16);
            assert.ok(search.items.every((found: any) => found.personalizedImage === null));
          } finally {
            front.fault = null;
          }
          await eventually(async () => {
            const { personalizedImage, recommendations } = await product(slug);
            return personalizedImage !== null && recommendations.length > 0;
          });
        });
      }
    });

    it("sends later what changed while Vitrine was away", async () => {
      const { id } = await product("tripod");
      const { numAsked } = front;
      front.fault = faults.away;
      await updateProduct({ id, translations: [{ languageCode: "en", name: "Stand" }] });
      await eventually(async () => front.numAsked > numAsked);
      front.fault = null;
      await eventually(async () => (await item(plain(id))).title === "Stand");
    });

    it("sends the whole catalogue when an administrator asks for it", async () => {
      const { id } = await product("laptop");
      await vitrine.ask("mutation ($ids: [ID!]!) { removeItems(ids: $ids) { removed } }", {
        ids: [plain(id)],
      });
      const { vitrine: link } = await shop.adminClient.query(gql`
        query {
          vitrine {
            url
          }
        }
      `);
      assert.equal(link.url, new URL("/admin", front.url).href);
      await shop.adminClient.query(gql`
        mutation {
          syncVitrineCatalogue
        }
      `);
      assert.equal((await eventually(() => item(plain(id)).catch(() => null))).title, "Laptop");
    });
  });
}
