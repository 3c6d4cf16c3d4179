import { Random } from "../../../../src/ml/nn/random.js";
import { drawSettings, tasteOf } from "../../../../src/ml/studio/setting-draws.js";
import {
  SETTING_FEATURES,
  settingFeatures,
  settingMenu,
} from "../../../../src/ml/studio/setting-menu.js";
import type { Setting } from "../../../../src/ml/studio/setting.js";

const taste = tasteOf([{ colour: [0.7, 0.05, 0.05], weight: 1 }]);

describe("settingMenu()", () => {
  it("begins with the settings that there are without a policy", () => {
    const menu = settingMenu(taste, new Random(4));
    expect(menu.slice(0, 6)).toEqual(drawSettings(taste, 6, new Random(4)));
    const withScenes = settingMenu(taste, new Random(4), 2);
    expect(withScenes[3].kind).toBe("SCENE");
  });

  it("has every kind in twenty colours behind them: eight hues, dark and light, and four greys", () => {
    const others = settingMenu(taste, new Random(4)).slice(6);
    expect(others).toHaveLength(60);
    for (const kind of ["RESTAGE", "STUDIO", "SURFACE"] as const) {
      const colours = others.filter(own => own.kind === kind).map(({ colour }) => colour);
      expect(new Set(colours.map(String)).size).toBe(20);
      const chromas = colours.map(([, a, b]) => Math.hypot(a, b));
      expect(chromas.filter(chroma => Math.abs(chroma - 0.08) < 1e-9)).toHaveLength(16);
      expect(chromas.filter(chroma => chroma === 0)).toHaveLength(4);
    }
    const lights = others.map(({ light }) => light);
    expect(Math.min(...lights)).toBeLessThan(-0.35);
    expect(Math.max(...lights)).toBeGreaterThan(0.35);
  });
});

describe("settingFeatures()", () => {
  const plain: Setting = {
    kind: "RESTAGE",
    texture: "STONE",
    colour: [0.65, 0, 0],
    light: 0.5,
    depth: 0.62,
    scale: 1,
    scene: 0,
  };

  it("is 0 for a restaged backdrop of a middle grey, whatever its texture and light", () => {
    const features = settingFeatures({ ...plain, light: -0.5, texture: "WOOD" });
    expect([...features]).toEqual(new Array(SETTING_FEATURES).fill(0));
  });

  it("tells kind, the texture of a surface alone, colour and depth, by hand", () => {
    const at = (setting: Setting) => {
      const features = settingFeatures(setting);
      return Object.fromEntries([...features].flatMap((value, n) => (value ? [[n, value]] : [])));
    };
    // Kinds 0..2 (STUDIO, SURFACE, SCENE), textures 3..7, colour terms 8..15, colours by kind 16..24, depth 25.
    expect(SETTING_FEATURES).toBe(26);
    expect(at({ ...plain, kind: "STUDIO" })).toEqual({ 0: 1 });
    expect(at({ ...plain, kind: "SURFACE" })).toEqual({ 1: 1, 4: 1 });
    expect(at({ ...plain, kind: "SCENE" })).toEqual({ 2: 1 });
    expect(at({ ...plain, depth: 0.82 })[25]).toBeCloseTo(1, 5);
    const [l, a, b] = [0.5, 1, -0.5];
    const colour = [0.65 + 0.3 * l, 0.08 * a, 0.08 * b] as const;
    const coloured = settingFeatures({ ...plain, colour });
    [l, a, b, l * l, l * a, l * b, a * b, a * a - b * b].forEach((value, n) => {
      expect(coloured[8 + n]).toBeCloseTo(value, 5);
    });
    expect([...coloured.subarray(16)].every(value => value === 0)).toBe(true);
    const surface = settingFeatures({ ...plain, kind: "SURFACE", colour });
    [0, 0, 0, l, a, b, 0, 0, 0].forEach((value, n) => {
      expect(surface[16 + n]).toBeCloseTo(value, 5);
    });
  });
});
