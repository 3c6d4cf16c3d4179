"""Builds the pack: runs every stage in turn. Each stage resumes where it was interrupted; a stage that has used its time is skipped.

    python build_pack.py --stickers DIR --out ../models/mini --work DIR [--minutes-scale 1.0] [--parallel]

`--parallel` runs independent stages two at a time (on two cores, as models/mini was made).
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Stages of one row depend on the rows before it only. Minutes are for one core of an idle machine.
STAGES = [
    [("vae.py", 24), ("clip.py", 40)],
    [("unet.py", 75), ("captioner.py", 11), ("language.py", 45), ("style_classifier.py", 0)],
    [("step_distillation.py", 70)],
    [("latent_style_classifier.py", 45)],
]


def command(script, arguments, minutes):
    return [sys.executable, str(HERE / script), "--stickers", arguments.stickers, "--work", arguments.work,
            "--minutes", str(minutes * arguments.minutes_scale)]


def run_all(commands, at_once):
    """Runs the first command in parallel to the others, which run in turn; without `at_once`, runs all in turn."""
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    parallel = subprocess.Popen(commands[0], env=environment) if at_once else None
    for one in commands[1:] if at_once else commands:
        subprocess.run(one, env=environment, check=True)
    if parallel and parallel.wait() != 0:
        raise SystemExit(f"{commands[0][1]} must end with 0, but got {parallel.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("stickers", "out", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--minutes-scale", type=float, default=1.0, help="multiplies every training's time")
    parser.add_argument("--parallel", action="store_true")
    arguments = parser.parse_args()
    Path(arguments.work).mkdir(parents=True, exist_ok=True)
    for row in STAGES:
        run_all([command(script, arguments, minutes) for script, minutes in row], arguments.parallel)
    paths = ["--stickers", arguments.stickers, "--work", arguments.work]
    subprocess.run([sys.executable, str(HERE / "export.py"), *paths, "--out", arguments.out], check=True)
    subprocess.run([sys.executable, str(HERE / "measure.py"), *paths, "--pack", arguments.out], check=True)
    subprocess.run([sys.executable, str(HERE / "model_card.py"), *paths, "--pack", arguments.out], check=True)


if __name__ == "__main__":
    main()
