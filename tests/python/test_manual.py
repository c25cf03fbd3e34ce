"""The page of the manual about Python: its blocks run one after the other in an empty folder."""

import contextlib
import io
import os
import re
import tempfile
import unittest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/manual/python.md"


class Page(unittest.TestCase):
    def test_every_block_runs(self):
        blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
        self.assertGreater(len(blocks), 4)
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                names, printed = {}, io.StringIO()
                with contextlib.redirect_stdout(printed):
                    for number, block in enumerate(blocks, 1):
                        exec(compile(block, f"python.md, block {number}", "exec"), names)
                self.assertTrue(Path("allocation.svg").read_text(encoding="utf-8").startswith("<svg"))
            finally:
                os.chdir(before)
        self.assertIn("did you mean `1d`?", printed.getvalue())


if __name__ == "__main__":
    unittest.main()
