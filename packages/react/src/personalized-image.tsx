"use client";
/** @file The shop's own image, until the personalised one is ready to take its place. */
import { imageSrcSet, type PersonalizedResult, type PersonalizeImageCall } from "@vitrine/client";
import { type ImageSource, preloaded, whenNear } from "@vitrine/client/page";
import {
  type ComponentPropsWithoutRef,
  type CSSProperties,
  type ReactNode,
  useEffect,
  useRef,
  useState,
} from "react";
import { usePersonalizedImage } from "./use-personalized-image.js";

type ImgProps = Omit<ComponentPropsWithoutRef<"img">, "width" | "height">;

export interface PersonalizedImageProps extends ImgProps {
  /** The shop's own id of the shopper; null: nobody is signed in, and the shop's image is shown. */
  userId: string | null;
  itemId: string;
  /** The shop's own image. Search engines, and pages without JavaScript, have this one. */
  src: string;
  alt: string;
  /** Pixels of the layout; with `height`, the shape of the box, which never changes. */
  width: number;
  height: number;
  /** Generation options, as in the API. */
  options?: PersonalizeImageCall["options"];
  /** `eager` asks at once; default: when the image comes near the window. */
  loading?: "eager" | "lazy";
  /** Draws the sentence that the image, or its surroundings, are generated. Default: a small line on the image; `false`: nothing. */
  disclosure?: ((text: string) => ReactNode) | false;
  onResult?: (result: PersonalizedResult) => void;
  /** The shop's image stays. */
  onFailure?: (error: unknown) => void;
}

export function PersonalizedImage(props: PersonalizedImageProps): ReactNode {
  const { userId, itemId, options, loading = "lazy", ...others } = props;
  const { disclosure = line, onResult, onFailure, ...attributes } = others;
  const { width, height, src, srcSet, sizes, alt, style, onError, ...own } = attributes;
  const image = useRef<HTMLImageElement>(null);
  const isNear = useNear(image, loading === "eager");
  const state = usePersonalizedImage({ userId, itemId, options, enabled: isNear });
  const shown = useShown(state.status === "done" ? state.result : null, sizes ?? `${width}px`);
  const told = useRef({ onResult, onFailure });
  told.current = { onResult, onFailure };
  useEffect(() => {
    if (state.status === "done") {
      told.current.onResult?.(state.result);
    } else if (state.status === "failed") {
      told.current.onFailure?.(state.error);
    }
  }, [state]);
  const box: CSSProperties = { aspectRatio: `${width} / ${height}`, objectFit: "contain" };
  const source = shown
    ? { src: shown.source.src, srcSet: shown.source.srcset, sizes: shown.source.sizes }
    : { src, srcSet, sizes };
  return (
    <span style={wrapper} data-vitrine={shown ? "personalized" : "own"}>
      <img
        {...own}
        {...source}
        ref={image}
        alt={alt}
        width={width}
        height={height}
        loading={loading}
        style={{ ...box, ...style }}
        onError={event => {
          shown?.leave(); // deleted meanwhile: the shop's own takes its place
          onError?.(event);
        }}
      />
      {shown?.disclosure != null && disclosure !== false && disclosure(shown.disclosure)}
    </span>
  );
}

interface Shown {
  source: ImageSource;
  disclosure: string | null;
  leave: () => void;
}

/** The personalised image, once it is loaded. */
function useShown(result: PersonalizedResult | null, sizes: string): Shown | null {
  const [ready, setReady] = useState<PersonalizedResult | null>(null);
  const image = result?.kind === "PERSONALIZED" ? result : null;
  const source = image && sourceOf(image.image, sizes);
  useEffect(() => {
    let isCurrent = true;
    if (image && source) {
      preloaded(source).then(
        () => {
          if (isCurrent) {
            setReady(image);
          }
        },
        () => undefined, // the shop's own image stays
      );
    }
    return () => {
      isCurrent = false;
    };
    // `source` is another object each time, and follows from these.
  }, [image, sizes]);
  if (!image || !source || ready !== image) {
    return null;
  }
  const leave = () => {
    setReady(null);
  };
  return { source, disclosure: image.disclosure, leave };
}

function sourceOf(
  { url, widthPixels }: { url: string; widthPixels: number },
  sizes: string,
): ImageSource {
  return { src: url, srcset: imageSrcSet(url, widthPixels), sizes };
}

function useNear(image: { readonly current: HTMLImageElement | null }, atOnce: boolean): boolean {
  const [isNear, setNear] = useState(atOnce);
  useEffect(() => {
    const leaving = new AbortController();
    if (image.current && !isNear) {
      whenNear(image.current, leaving.signal).then(
        () => {
          setNear(true);
        },
        () => undefined, // it left the page
      );
    }
    return () => {
      leaving.abort();
    };
  }, [image, isNear]);
  return isNear;
}

const wrapper: CSSProperties = { position: "relative", display: "inline-block", lineHeight: 0 };

const lineStyle: CSSProperties = {
  ...{ position: "absolute", left: 4, bottom: 4, padding: "2px 6px", borderRadius: 4 },
  ...{ font: "12px/1.3 system-ui, sans-serif", color: "#fff", background: "rgb(0 0 0 / 70%)" },
};

function line(text: string): ReactNode {
  return <small style={lineStyle}>{text}</small>;
}
