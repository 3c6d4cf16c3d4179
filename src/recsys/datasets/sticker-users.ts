/**
 * @file Simulated users of the sticker shop. They are no real persons' data: every user is marked as simulated.
 *
 * Taste. A user's utility of a sticker is
 *
 *     U(u, i) = style(u, i) + group(u, i) + color(u, i) + popularity(concept of i) + ε,   ε ~ Gumbel(0, 1)
 *
 * and the user likes the n stickers of highest utility, which equals drawing n without replacement with probability
 * proportional to exp(U - ε) (the Gumbel-top-k trick). Style and colour show in the image but not in the title, so a
 * ranker that reads images can learn what one that reads only ids or titles cannot.
 */
import type { NewInteraction } from "../../db/interactions.repository.js";
import { Random } from "../../ml/nn/random.js";
import { topK } from "../../ml/nn/top-k.js";

/** The properties of a sticker that its users react to. */
export interface ShopSticker {
  id: string;
  concept: string;
  style: string;
  group: string;
  /** The dominant colours, largest first. */
  colors: readonly string[];
}

export interface SimulatedUsersConfig {
  /** Default 400. */
  numUsers: number;
  /** Minimum and maximum number of likes per user; default 20 and 40. */
  minLikes: number;
  maxLikes: number;
  /** Fraction of users, 0..1, who love one style; the others love two, half as much; default 0.85. */
  oneStyleShare: number;
  /** Utility of a sticker in the loved style; default 3.5: e^3.5 = 33 times as likely as in another. */
  styleStrength: number;
  /** Utility of a sticker in the first loved group, half of it for the second; default 3. */
  groupStrength: number;
  /** Utility of a sticker whose largest colour is the loved one; half of it if another is; default 1.5. */
  colorStrength: number;
  /** Exponent s of Zipf's law: the concept of popularity rank r has the utility -s ln r; default 0.7. */
  zipfExponent: number;
  /** The likes span this many days; default 90. */
  numDays: number;
  /** End of those days; default 2026-01-01 UTC, fixed so that a seed always gives the same data. */
  until: Date;
  /** Default 7. */
  seed: number;
}

export const defaultSimulatedUsers: SimulatedUsersConfig = {
  numUsers: 400,
  minLikes: 20,
  maxLikes: 40,
  oneStyleShare: 0.85,
  styleStrength: 3.5,
  groupStrength: 3,
  colorStrength: 1.5,
  zipfExponent: 0.7,
  numDays: 90,
  until: new Date("2026-01-01T00:00:00Z"),
  seed: 7,
};

const MS_PER_DAY = 86_400_000;

/** Loved properties -> their utility; all others have none. */
interface Taste {
  styles: ReadonlyMap<string, number>;
  groups: ReadonlyMap<string, number>;
  color: string;
}

/** The likes of each user in turn, in the order of time. */
export function* simulatedLikes(
  stickers: readonly ShopSticker[],
  config: SimulatedUsersConfig = defaultSimulatedUsers,
): Generator<NewInteraction> {
  const root = new Random(config.seed);
  const popularity = zipfUtilities(stickers, config.zipfExponent, root.fork("popularity"));
  const start = config.until.getTime() - config.numDays * MS_PER_DAY;
  for (let user = 1; user <= config.numUsers; user++) {
    const userId = `sim-${String(user).padStart(4, "0")}`;
    const random = root.fork(userId);
    const taste = drawTaste(stickers, config, random);
    const numLikes = config.minLikes + random.int(config.maxLikes - config.minLikes + 1);
    const utilities = Float64Array.from(
      stickers,
      sticker =>
        utilityOf(sticker, taste, config) +
        (popularity.get(sticker.concept) ?? 0) +
        random.gumbel(),
    );
    const likes = random.shuffled(topK(utilities, numLikes)).map(index => stickers[index]);
    const times = likes.map(() => start + random.int(config.numDays * MS_PER_DAY));
    times.sort((a, b) => a - b);
    for (const [i, { id: itemId }] of likes.entries()) {
      yield { userId, itemId, kind: "LIKE", weight: 1, occurredAt: new Date(times[i]) };
    }
  }
}

function drawTaste(
  stickers: readonly ShopSticker[],
  { oneStyleShare, styleStrength, groupStrength }: SimulatedUsersConfig,
  random: Random,
): Taste {
  const several = (values: readonly string[]) => random.shuffled([...new Set(values)].sort());
  const [first, second] = several(stickers.map(({ style }) => style));
  const [mainGroup, otherGroup] = several(stickers.map(({ group }) => group));
  const [color] = several(stickers.flatMap(({ colors }) => colors));
  const lovesOne = random.uniform() < oneStyleShare;
  return {
    styles: lovesOne
      ? new Map([[first, styleStrength]])
      : new Map([
          [first, styleStrength / 2],
          [second, styleStrength / 2],
        ]),
    groups: new Map([
      [otherGroup, groupStrength / 2],
      [mainGroup, groupStrength],
    ]),
    color,
  };
}

function utilityOf(
  { style, group, colors }: ShopSticker,
  taste: Taste,
  config: SimulatedUsersConfig,
): number {
  const place = colors.indexOf(taste.color);
  const color = place < 0 ? 0 : config.colorStrength * (place === 0 ? 1 : 0.5);
  return (taste.styles.get(style) ?? 0) + (taste.groups.get(group) ?? 0) + color;
}

/** `-s ln r` for each concept, with random ranks r. */
function zipfUtilities(
  stickers: readonly ShopSticker[],
  exponent: number,
  random: Random,
): ReadonlyMap<string, number> {
  const concepts = random.shuffled([...new Set(stickers.map(({ concept }) => concept))]);
  return new Map(concepts.map((concept, i) => [concept, -exponent * Math.log(i + 1)]));
}
