/** Settings, and text of descriptions. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VitrinePlugin } from "../src/index";
import { settingsOf } from "../src/options";
import { plainText } from "../src/plain-text";

describe("the plugin's settings", () => {
  it("are two; the rest has defaults", () => {
    assert.deepEqual(settingsOf({ url: "https://v.example/graphql", apiKey: "vk_1" }), {
      ...{ url: "https://v.example/graphql", apiKey: "vk_1", pageWaitMs: 1_000 },
      ...{ pauseMs: 10_000, retries: 20, batchSize: 50, syncOnStart: true },
    });
  });

  it("are refused with every fault named", () => {
    assert.throws(
      () => VitrinePlugin.init({ url: "v.example", apiKey: "", batchSize: 0, retries: 1.5 }),
      /'url' must be an http or https address, but got 'v\.example'; 'apiKey' must not be empty; 'retries' .* 1\.5; 'batchSize' .* 0$/,
    );
  });
});

describe("plainText()", () => {
  it("leaves the text of HTML", () => {
    assert.equal(plainText("<p>Red &amp; <b>blue</b></p>\n<p>a &lt; b</p>"), "Red & blue a < b");
    assert.equal(plainText(""), "");
  });
});
