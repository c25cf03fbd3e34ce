"""The pages of the manual about Python: the blocks of each run one after the other in an empty folder."""

import contextlib
import importlib.util
import io
import os
import re
import tempfile
import unittest
from pathlib import Path

MANUAL = Path(__file__).resolve().parents[2] / "docs/manual"


def read(path):
    return Path(path).read_text(encoding="utf-8")


class Pages(unittest.TestCase):
    @contextlib.contextmanager
    def page(self, name, least):
        """Runs the blocks of a page, at least so many, and gives what they printed, in the folder that they leave."""
        blocks = re.findall(r"^```python\n(.*?)^```", read(MANUAL / name), re.M | re.S)
        self.assertGreaterEqual(len(blocks), least)
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                names, printed = {}, io.StringIO()
                with contextlib.redirect_stdout(printed):
                    for number, block in enumerate(blocks, 1):
                        exec(compile(block, f"{name}, block {number}", "exec"), names)
                yield printed.getvalue()
            finally:
                os.chdir(before)

    def test_every_block_about_python_runs(self):
        with self.page("python.md", 5) as printed:
            self.assertTrue(read("allocation.svg").startswith("<svg"))
            self.assertIn("did you mean `1d`?", printed)

    @unittest.skipUnless(importlib.util.find_spec("gymnasium"), "needs gymnasium")
    def test_every_block_about_environments_runs(self):
        with self.page("gym.md", 3) as printed:
            self.assertIn("(8, 20, 8)", printed)
            self.assertIn("fullest", printed)


if __name__ == "__main__":
    unittest.main()
