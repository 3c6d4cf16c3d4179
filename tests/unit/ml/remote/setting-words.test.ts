import { colourWords, settingWords } from "../../../../src/ml/remote/setting-words.js";
import { LINEAR_OF_CODE, oklabOf } from "../../../../src/ml/studio/oklab.js";
import type { Setting } from "../../../../src/ml/studio/setting.js";

const ofRgb = (...codes: [number, number, number]) => {
  const [red, green, blue] = codes.map(code => LINEAR_OF_CODE[code]);
  return oklabOf([red, green, blue]);
};

describe("a setting in words", () => {
  it.each([
    [[255, 0, 0], "red"],
    [[255, 165, 0], "orange"],
    [[230, 210, 40], "yellow"],
    [[0, 128, 0], "green"],
    [[0, 128, 128], "teal"],
    [[60, 110, 230], "blue"],
    [[130, 40, 160], "purple"],
    [[240, 90, 160], "pink"],
    [[190, 210, 230], "pale muted blue"],
    [[40, 50, 30], "dark muted green"],
    [[255, 255, 255], "white"],
    [[128, 128, 128], "dark grey"],
    [[10, 10, 10], "charcoal"],
  ] as [[number, number, number], string][])("names the colour %j %s", (codes, name) => {
    expect(colourWords(ofRgb(...codes))).toContain(name);
  });

  const setting: Setting = {
    kind: "STUDIO",
    texture: "WOOD",
    colour: ofRgb(190, 210, 230),
    light: -0.8,
    depth: 0.5,
    scale: 1,
    scene: 0,
  };

  it.each([
    [{}, "a seamless studio wall in pale muted blue, lit softly from the left"],
    [{ light: 0.1 }, "a seamless studio wall in pale muted blue, lit softly from the front"],
    [{ kind: "SURFACE", light: 1 }, "a surface of wood in pale muted blue, lit from the right"],
    [{ kind: "RESTAGE" }, "the same backdrop, light and shadows in pale muted blue"],
    [{ kind: "SCENE" }, "a room out of focus in tones of pale muted blue, lit from the left"],
  ] as [Partial<Setting>, string][])("describes %j", (changes, words) => {
    expect(settingWords({ ...setting, ...changes })).toBe(words);
  });
});
