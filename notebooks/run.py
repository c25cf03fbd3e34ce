"""Executes the notebooks beside this file without Jupyter.

usage: run.py [--windtunnel PROGRAM] [--write] [NOTEBOOK...]

Every notebook runs in a process of its own, from its first cell to its last, with results in a
temporary folder. The first cell that fails ends the run with its traceback and exit code 1.
--write stores the outputs (printed text, the value of the last expression, figures) in the
notebooks. Ends with 77 where a package of requirements.txt is missing.
"""

import argparse
import ast
import base64
import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ["matplotlib", "numpy", "pandas", "pyarrow", "scipy"]
MISSING = 77
DOTS_PER_INCH = 64
LARGEST_BYTES = 200_000


def lines(text):
    """A text as notebooks hold it: a list of lines."""
    return text.splitlines(keepends=True)


def run_source(source, name, namespace):
    """Runs a cell; returns the value of its last expression."""
    tree = ast.parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, name, "exec"), namespace)
    return None if last is None else eval(compile(last, name, "eval"), namespace)


def value_output(value, count):
    data = {"text/plain": lines(repr(value))}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = lines(value._repr_html_())
    return {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data}


def figure_outputs():
    import matplotlib.pyplot as pyplot

    outputs = []
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        image = io.BytesIO()
        # Without metadata, so that the same figure gives the same bytes.
        figure.savefig(
            image, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None}
        )
        data = {
            "image/png": base64.b64encode(image.getvalue()).decode() + "\n",
            "text/plain": ["<Figure>"],
        }
        outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
    pyplot.close("all")
    return outputs


def run_cells(notebook, name):
    """Runs every code cell; the outputs are put into the notebook."""
    namespace = {"__name__": "__main__"}
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count += 1
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            value = run_source("".join(cell["source"]), f"{name}, cell {count}", namespace)
        outputs = []
        if printed.getvalue():
            text = lines(printed.getvalue())
            outputs.append({"output_type": "stream", "name": "stdout", "text": text})
        outputs += figure_outputs()
        if value is not None:
            outputs.append(value_output(value, count))
        cell["execution_count"] = count
        cell["outputs"] = outputs


def run_notebook(path, write):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    os.chdir(path.parent)
    try:
        run_cells(notebook, path.name)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    if len(text.encode()) > LARGEST_BYTES:
        sys.exit(f"{path.name}: {len(text.encode())} bytes with outputs, {LARGEST_BYTES} at most")
    if write:
        path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Executes notebooks without Jupyter.")
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--windtunnel", default="windtunnel", help="the program")
    parser.add_argument("--write", action="store_true", help="store the outputs")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        print(f"skipped: needs python3 with {', '.join(missing)}")
        sys.exit(MISSING)
    if arguments.one:
        return run_notebook(arguments.notebooks[0].resolve(), arguments.write)
    program = arguments.windtunnel
    if os.sep in program:
        program = str(Path(program).resolve())
    for path in arguments.notebooks or sorted(HERE.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as results:
            environment = dict(
                os.environ, WINDTUNNEL=program, WINDTUNNEL_RESULTS=results, MPLBACKEND="Agg"
            )
            command = [sys.executable, __file__, "--one", str(path)]
            command += ["--write"] * arguments.write
            done = subprocess.run(command, env=environment)
        if done.returncode != 0:
            sys.exit(done.returncode)
        print(f"{path.name}: every cell ran")


main()
