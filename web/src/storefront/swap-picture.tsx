import { useState } from "react";
import { Picture } from "../shared/picture";
import classes from "./swap-picture.module.css";

interface SwapPictureProps {
  catalogueUrl: string | null;
  /** A step on the way; null without one. */
  previewUrl: string | null;
  /** The user's image; null while there is none. */
  pictureUrl: string | null;
}

/** The title stands beside it, so the images have no other text. The catalogue image, over which the user's appears once it has loaded. All lie in one square, so nothing moves. */
export function SwapPicture({ catalogueUrl, previewUrl, pictureUrl }: SwapPictureProps) {
  const [loaded, setLoaded] = useState<string | null>(null);
  const [broken, setBroken] = useState<string | null>(null);
  const wanted = pictureUrl === broken ? null : pictureUrl;
  // The last image stays until the next has loaded.
  const layers = [...new Set([wanted === null ? null : loaded, wanted])].filter(
    url => url !== null,
  );
  const isShown = loaded !== null && wanted !== null;
  return (
    <span className={classes.stack} data-state={isShown ? "personalized" : "catalogue"}>
      <Picture src={catalogueUrl} alt="" />
      {previewUrl && <img className={classes.preview} src={previewUrl} alt="" />}
      {layers.map(url => (
        <img
          key={url}
          className={classes.layer}
          data-loaded={url === loaded || undefined}
          src={url}
          alt=""
          onLoad={() => {
            if (url === wanted) {
              setLoaded(url);
            }
          }}
          onError={() => {
            setBroken(url);
          }}
        />
      ))}
      {isShown && (
        <span className={classes.catalogue} aria-hidden>
          <Picture src={catalogueUrl} alt="" />
        </span>
      )}
    </span>
  );
}
