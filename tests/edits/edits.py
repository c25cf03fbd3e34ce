#!/usr/bin/env python3
"""Draws edits of a shop, labels them by a second reader, and judges what `windtunnel check` says of them.

    edits.py draw [--shop DIR] --seed S --count N --out DIR [--windtunnel PROGRAM]
    edits.py label --edits DIR --windtunnel PROGRAM [--seeds 20] [--jobs 1] [--only ID...]
    edits.py judge --edits DIR --windtunnel PROGRAM --mode base|stored [--seeds 20] [--jobs 1] [--only ID...]

`draw` writes the shop (`base/`; by default the one beside this file) and a folder for each edit: the edited shop (`head/`) and `edit.json`. Half of the edits
are neutral by rule (`catalogue.py`), half are real; a few of the real ones are refused by the API server. With a program,
the shop gets objectives on spread and exposure by workload, where the program has such metrics.

`label` runs the program (`run`, not `check`) on both sides with every seed, reads the metrics that the objectives name,
and judges each objective of the base by its documented rule: `must fail` (clearly beyond the limit), `must pass` (clearly
inside), `either` (within the margin of chance), or `refused` where the head can't be read. Written to `labels.json`.

`judge` runs `check` on every head: beside the base (`base`), or against a baseline that was accepted on the base, once
plain and once with `--despite-inputs` (`stored`). It prints a confusion matrix and a table of the misses, writes them to
`judge-MODE.json`, and ends with 1 if an edit that is neutral is refused or fails, or if one that must fail passes or is not named.

Needs Python 3.10, PyYAML and the command `zstd`. Runs are kept in `cache/` by the digest of program, inputs and seed.
"""

import argparse
import shutil
import sys
from pathlib import Path

from draw import draw
from judge import judge
from label import label


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("draw")
    command.set_defaults(work=draw)
    command.add_argument("--shop", default=Path(__file__).parent / "shop")
    command.add_argument("--out", required=True)
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--count", type=int, default=200)
    command.add_argument("--windtunnel")
    for name, work in (("label", label), ("judge", judge)):
        command = commands.add_parser(name)
        command.set_defaults(work=work)
        command.add_argument("--edits", required=True)
        command.add_argument("--windtunnel", required=True)
        command.add_argument("--seeds", type=int, default=20)
        command.add_argument("--jobs", type=int, default=1)
        command.add_argument("--only", nargs="*")
        if name == "judge":
            command.add_argument("--mode", choices=("base", "stored"), required=True)
    arguments = parser.parse_args()
    if getattr(arguments, "windtunnel", None) and not shutil.which(arguments.windtunnel):
        sys.exit(f"{arguments.windtunnel}: no such program")
    arguments.work(arguments)


if __name__ == "__main__":
    main()
