import { type CSSProperties, useState } from "react";
import { Picture } from "../shared/picture";
import classes from "./compare-slider.module.css";

interface CompareSliderProps {
  before: string | null;
  after: string;
  title: string;
}

/** Two images in one square: left of the handle the catalogue's, right of it the user's. */
export function CompareSlider({ before, after, title }: CompareSliderProps) {
  const [at, setAt] = useState(50);
  return (
    <div className={classes.slider} style={{ "--at": `${at}%` } as CSSProperties}>
      <Picture src={after} alt={`${title}, for this user`} eager />
      <span className={classes.before}>
        <Picture src={before} alt={`${title}, in the catalogue`} eager />
      </span>
      <span className={classes.labels} aria-hidden>
        <span>Catalogue</span>
        <span>For this user</span>
      </span>
      <input
        className={classes.range}
        type="range"
        min={0}
        max={100}
        step={1}
        value={at}
        aria-label="How much of the catalogue image to show"
        aria-valuetext={`${at} % catalogue image`}
        onChange={event => {
          setAt(Number(event.currentTarget.value));
        }}
      />
      <span className={classes.handle} aria-hidden />
    </div>
  );
}
