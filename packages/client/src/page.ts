/** @file `@vitrine/client/page`: what the components for pages share: when an image comes near the window, and an image that is ready to be shown. */

/** How far below the window an image is asked for, so that it is there when it comes into sight. */
const MARGIN = "200px";

/** Resolves when the element is in the window or near it. @throws the signal's reason */
export function whenNear(element: Element, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (typeof IntersectionObserver === "undefined") {
      resolve();
      return;
    }
    const observer = new IntersectionObserver(
      entries => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) {
          observer.disconnect();
          resolve();
        }
      },
      { rootMargin: MARGIN },
    );
    observer.observe(element);
    signal.addEventListener("abort", () => {
      observer.disconnect();
      reject(signal.reason as Error);
    });
  });
}

/** The attributes with which an image is shown. */
export interface ImageSource {
  src: string;
  srcset: string;
  sizes: string;
}

/** Loads and decodes an image, so that it takes another's place at once. @throws if it cannot be loaded */
export async function preloaded({ sizes, src, srcset }: ImageSource): Promise<void> {
  const image = new Image();
  image.sizes = sizes;
  image.srcset = srcset;
  image.src = src;
  await image.decode();
}
