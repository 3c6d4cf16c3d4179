/**
 * @file `<vitrine-image>`: around the shop's own `<img>`, which stays until the personalised image is ready, and for good where
 * there is none.
 *
 *     <vitrine-image user-id="anna" item-id="mug">
 *       <img src="/mug.jpg" alt="A blue mug" width="400" height="300" />
 *       <small data-disclosure hidden></small>
 *     </vitrine-image>
 */
import {
  imageSrcSet,
  type PersonalizedResult,
  type PersonalizeImageCall,
  type VitrineClient,
} from "@vitrine/client";
import { preloaded, whenNear } from "@vitrine/client/page";

/** What is shown, as the attribute `data-state`. */
export type ImageState = "own" | "loading" | "personalized";

/** The browser's base class; on a server there is none, and nothing is drawn there. */
const Base: typeof HTMLElement =
  typeof HTMLElement === "undefined" ? (class {} as unknown as typeof HTMLElement) : HTMLElement;

/**
 * Attributes: `user-id` and `item-id`, the shop's own ids; a change of either asks anew.
 *
 * Events, which bubble: `vitrine-result` with the result as `detail`, `vitrine-error` with the error.
 */
export class VitrineImage extends Base {
  static readonly observedAttributes = ["user-id", "item-id"];
  /** Asks for all elements; `defineVitrineImage` sets it. */
  static client: VitrineClient | null = null;

  /** Asks for this element instead. */
  client: VitrineClient | null = null;
  /** Generation options, as in the API. */
  options: PersonalizeImageCall["options"];

  #running: AbortController | null = null;
  #own: { src: string; srcset: string; sizes: string } | null = null;

  connectedCallback(): void {
    // The parser may not have read the content yet.
    queueMicrotask(() => {
      this.#restart();
    });
  }

  disconnectedCallback(): void {
    this.#stop();
  }

  attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
    if (before !== null && before !== after) {
      this.#restart();
    }
  }

  #stop(): void {
    this.#running?.abort();
    this.#running = null;
  }

  #restart(): void {
    this.#stop();
    const image = this.querySelector("img");
    const [userId, itemId] = VitrineImage.observedAttributes.map(name => this.getAttribute(name));
    const client = this.client ?? VitrineImage.client;
    this.#showOwn(image);
    if (!this.isConnected || !image || !client || !userId || !itemId) {
      return;
    }
    const running = new AbortController();
    this.#running = running;
    this.#personalize({ client, image, userId, itemId }, running.signal).catch((error: unknown) => {
      if (!running.signal.aborted) {
        this.#tell("own");
        this.dispatchEvent(new CustomEvent("vitrine-error", { bubbles: true, detail: error }));
      }
    });
  }

  async #personalize(
    { client, image, itemId, userId }: Wanted,
    signal: AbortSignal,
  ): Promise<void> {
    await whenNear(image, signal);
    this.#tell("loading");
    const { options } = this;
    const result = await client.personalizeImage(userId, itemId, { options, signal });
    if (result.kind === "PERSONALIZED") {
      await this.#show(image, result, signal);
    } else {
      this.#tell("own");
    }
    this.dispatchEvent(new CustomEvent("vitrine-result", { bubbles: true, detail: result }));
  }

  async #show(
    image: HTMLImageElement,
    result: Extract<PersonalizedResult, { kind: "PERSONALIZED" }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { url: src, widthPixels } = result.image;
    const sizes = image.sizes || `${image.clientWidth || image.width || widthPixels}px`;
    const shown = { src, srcset: imageSrcSet(src, widthPixels), sizes };
    await preloaded(shown);
    signal.throwIfAborted();
    this.#own ??= { src: image.src, srcset: image.srcset, sizes: image.sizes };
    keepBox(image);
    Object.assign(image, shown);
    const disclosure = this.querySelector<HTMLElement>("[data-disclosure]");
    if (disclosure && result.disclosure !== null) {
      disclosure.textContent = result.disclosure;
      disclosure.hidden = false;
    }
    this.#tell("personalized");
  }

  #showOwn(image: HTMLImageElement | null): void {
    if (this.#own && image) {
      Object.assign(image, this.#own);
    }
    this.#own = null;
    const disclosure = this.querySelector<HTMLElement>("[data-disclosure]");
    if (disclosure) {
      disclosure.hidden = true;
    }
    this.#tell("own");
  }

  #tell(state: ImageState): void {
    this.dataset.state = state;
  }
}

interface Wanted {
  client: VitrineClient;
  image: HTMLImageElement;
  userId: string;
  itemId: string;
}

/** The page must not move: the image keeps the shape of its box, whatever it shows. */
function keepBox({ clientHeight, clientWidth, style }: HTMLImageElement): void {
  if (clientHeight > 0 && !style.aspectRatio) {
    style.aspectRatio = `${clientWidth} / ${clientHeight}`;
    style.objectFit ||= "contain";
  }
}

/** Makes `<vitrine-image>` known to the page. A second call changes the client alone. */
export function defineVitrineImage(client: VitrineClient, name = "vitrine-image"): void {
  VitrineImage.client = client;
  if (!customElements.get(name)) {
    customElements.define(name, VitrineImage);
  }
}
