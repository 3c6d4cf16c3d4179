import { connect } from "node:net";
import { it } from "node:test";
import { describeShop } from "./shop-cases";

/** Whether a Postgres listens where the shop would use it. */
function isListening(): Promise<boolean> {
  return new Promise(answer => {
    const socket = connect(5_432, "127.0.0.1", () => {
      socket.destroy();
      answer(true);
    });
    socket.on("error", () => answer(false));
  });
}

void isListening().then(isThere => {
  if (isThere) {
    describeShop("postgres");
  } else {
    it(
      "the plugin in a shop (postgres)",
      { skip: "no Postgres at 127.0.0.1:5432" },
      () => undefined,
    );
  }
});
