/**
 * @file Draws candidates of one photograph: masks it once, takes it apart once, then paints one setting after another. Synchronous
 * between candidates, for a render thread.
 */
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { paintRestaged, paintScene, paintStudio, paintSurface } from "./backdrop-painters.js";
import { composed } from "./compose.js";
import { type EdgeColours, edgeColours } from "./edge-colours.js";
import { type Oklab } from "./oklab.js";
import { mutedColour, type Setting, type SettingKind, type SurfaceTexture } from "./setting.js";
import { shadowLight } from "./shadows.js";
import { createStage, type Stage } from "./stage.js";
import { createTile, type Tile } from "./texture-tiles.js";

/** Tiles of a material differ by this many seeds, so that they can be kept. */
const NUM_TILES = 3;

/** A photograph taken apart, with the colours of its product's edge. */
export interface PreparedStage extends Stage {
  edges: EdgeColours;
}

/** @param alpha `[H, W]`, 0..255 */
export function prepareStage(image: RgbImage, alpha: Uint8Array): PreparedStage {
  const stage = createStage(image, alpha);
  return { ...stage, edges: edgeColours(stage) };
}

/** A backdrop with folds or joints may be replaced where this share of it is of one colour; else its mask is not sure enough. */
const CALM_SHARE = 0.8;
/** Least OKLab distance between the backdrop and the product's edge. */
const LEAST_DISTANCE = 0.16;

/** The colour made lighter or darker until the product stands out from it; its hue and chroma stay. */
export function apart([lightness, a, b]: Oklab, rim: Oklab): Oklab {
  const sideways = Math.hypot(a - rim[1], b - rim[2]);
  if (Math.hypot(lightness - rim[0], sideways) >= LEAST_DISTANCE) {
    return [lightness, a, b];
  }
  const needed = Math.sqrt(LEAST_DISTANCE ** 2 - Math.min(sideways, LEAST_DISTANCE) ** 2);
  const [darker, lighter] = [rim[0] - needed, rim[0] + needed];
  const goesUp = lighter <= 0.95 && (lightness >= rim[0] || darker < 0.25);
  return mutedColour([goesUp ? lighter : darker, a, b]);
}

/**
 * The kinds that suit a photograph, the best first. A floor or a room of its own keeps its structure, unless it is seen from above.
 *
 * @param numScenes backdrops of the shop.
 */
export function suitedKinds({ backdrop, view }: Stage, numScenes: number): SettingKind[] {
  const scenes: SettingKind[] = numScenes > 0 ? ["SCENE"] : [];
  if (backdrop?.isPlain) {
    return ["RESTAGE", "STUDIO", "SURFACE", ...scenes];
  }
  const isCalm = view !== "ROOM" && (backdrop?.share ?? 0) >= CALM_SHARE;
  return isCalm ? ["RESTAGE", "SURFACE", "STUDIO"] : ["RESTAGE"];
}

export class StudioRenderer {
  private readonly tiles = new Map<string, Tile>();

  /** @param scenes photographs of the shop for SCENE; none by default. */
  constructor(private readonly scenes: readonly RgbImage[] = []) {}

  /** One candidate. A setting that does not suit the photograph becomes one that does. */
  draw(stage: PreparedStage, setting: Setting, seed: number): RgbImage {
    const kinds = suitedKinds(stage, this.scenes.length);
    const kind = kinds.includes(setting.kind) ? setting.kind : kinds[0];
    const suited = { ...setting, kind, colour: apart(setting.colour, stage.rim) };
    const painted = this.paint(stage, suited, seed);
    return composed(stage, stage.edges, { painted, shadow: shadowLight(stage, suited), seed });
  }

  private paint(stage: Stage, setting: Setting, seed: number): Float32Array {
    switch (setting.kind) {
      case "RESTAGE":
        return paintRestaged(stage, setting);
      case "STUDIO":
        return paintStudio(stage, setting);
      case "SURFACE":
        return paintSurface(stage, setting, this.tile(setting.texture, Math.abs(seed) % NUM_TILES));
      case "SCENE":
        return paintScene(stage, setting, this.sceneOf(setting));
    }
  }

  private sceneOf({ scene }: Setting): RgbImage {
    const place = Math.min(this.scenes.length - 1, Math.floor(scene * this.scenes.length));
    const found = this.scenes.at(place);
    if (!found) {
      throw new AppError("INVALID_ARGUMENT", { argument: "SCENE", problem: "needs a backdrop" });
    }
    return found;
  }

  private tile(texture: SurfaceTexture, seed: number): Tile {
    const key = `${texture}-${seed}`;
    const kept = this.tiles.get(key) ?? createTile(texture, seed);
    this.tiles.set(key, kept);
    return kept;
  }
}
