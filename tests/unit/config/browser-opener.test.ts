import { browserOpener } from "../../../src/config/browser-opener.js";

describe("browserOpener()", () => {
  it("names the platform's program where somebody looks", () => {
    expect(browserOpener(true, {}, "darwin")).toEqual(["open"]);
    expect(browserOpener(true, { DISPLAY: ":0" }, "linux")).toEqual(["xdg-open"]);
    expect(browserOpener(true, { WAYLAND_DISPLAY: "wayland-0" }, "linux")).toEqual(["xdg-open"]);
    expect(browserOpener(true, {}, "win32")).toEqual(["cmd", "/c", "start", ""]);
  });

  it("opens nothing without a terminal or a desktop, in a CI, and over SSH", () => {
    expect(browserOpener(false, {}, "darwin")).toBeNull();
    expect(browserOpener(true, {}, "linux")).toBeNull();
    expect(browserOpener(true, { CI: "true" }, "darwin")).toBeNull();
    expect(browserOpener(true, { SSH_CONNECTION: "a 1 b 2" }, "darwin")).toBeNull();
    expect(browserOpener(true, {}, "aix")).toBeNull();
  });
});
