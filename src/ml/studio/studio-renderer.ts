/**
 * @file Draws candidates of one photograph: masks it once, takes it apart once, then paints one setting after another. Synchronous
 * between candidates, for a render thread.
 */
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { paintRestaged, paintScene, paintStudio, paintSurface } from "./backdrop-painters.js";
import { composed } from "./compose.js";
import { type EdgeColours, edgeColours } from "./edge-colours.js";
import { type Setting, type SettingKind, type SurfaceTexture } from "./setting.js";
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
  return view === "ROOM" ? ["RESTAGE"] : ["RESTAGE", "SURFACE", "STUDIO"];
}

export class StudioRenderer {
  private readonly tiles = new Map<string, Tile>();

  /** @param scenes photographs of the shop for SCENE; none by default. */
  constructor(private readonly scenes: readonly RgbImage[] = []) {}

  /** One candidate. A setting that does not suit the photograph becomes one that does. */
  draw(stage: PreparedStage, setting: Setting, seed: number): RgbImage {
    const kinds = suitedKinds(stage, this.scenes.length);
    const suited = kinds.includes(setting.kind) ? setting : { ...setting, kind: kinds[0] };
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
