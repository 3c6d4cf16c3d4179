import { IconPhotoOff } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { onComeBack } from "./connection";
import classes from "./picture.module.css";

interface PictureProps {
  /** Null: there is none. */
  src: string | null;
  alt: string;
  className?: string;
  /** Pictures below the fold load when they come near. */
  eager?: boolean;
  onLoad?: () => void;
}

/** A square picture. Its place is kept while it loads, and a picture that is missing leaves a sign in it. */
export function Picture({ src, alt, className, eager, onLoad }: PictureProps) {
  const [failed, setFailed] = useState<string | null>(null);
  // What failed while the server was away may be there again.
  useEffect(() => onComeBack(() => setFailed(null)), []);
  const isMissing = src === null || failed === src;
  return (
    <span className={[classes.frame, className].filter(Boolean).join(" ")}>
      {isMissing ? (
        <span
          className={classes.missing}
          role="img"
          aria-label={alt ? `${alt} (no picture)` : "No picture"}
        >
          <IconPhotoOff stroke={1.25} aria-hidden />
        </span>
      ) : (
        <img
          key={src}
          className={classes.image}
          src={src}
          alt={alt}
          loading={eager ? "eager" : "lazy"}
          decoding="async"
          draggable={false}
          onLoad={onLoad}
          onError={() => {
            setFailed(src);
          }}
        />
      )}
    </span>
  );
}
