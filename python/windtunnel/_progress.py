"""How far a run is: a line on a terminal, a line of a notebook, a function of one's own."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from typing import Any

from . import _windtunnel

Progress = Callable[[float, str], Any]


class Shown:
    """What is told while a run goes on; left behind is nothing."""

    def __init__(self, wanted: bool | Progress | None) -> None:
        self._end: Callable[[], None] = lambda: None
        self.tell: Progress | None = None
        if callable(wanted):
            self.tell = wanted
        elif wanted is not False:
            self._choose(bool(wanted))

    def _choose(self, is_forced: bool) -> None:
        if "ipykernel" in sys.modules and "IPython" in sys.modules:
            self._in_notebook()
        elif is_forced or sys.stderr.isatty():
            self._on_terminal()

    def _in_notebook(self) -> None:
        from IPython.display import HTML, display

        handle = display(HTML(""), display_id=True)

        def tell(share: float, words: str) -> None:
            bar = f'<progress max="1" value="{share:.3f}"></progress> {html.escape(words)}'
            handle.update(HTML(bar))

        self.tell = tell
        self._end = lambda: handle.update(HTML(""))

    def _on_terminal(self) -> None:
        def tell(share: float, words: str) -> None:
            sys.stderr.write(f"\r\x1b[K{share:4.0%}  {words}")
            sys.stderr.flush()

        def end() -> None:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

        self.tell, self._end = tell, end

    def __enter__(self) -> Progress | None:
        return self.tell

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._end()
        if error is not None:
            refuse_in_words(error)


def refuse_in_words(error: BaseException) -> None:
    """Raises what an argument is refused for by the argument's name, where the error is of one that can't be read."""
    names = []
    while "failed to extract field" in str(error) and error.__cause__ is not None:
        names.append(str(error).rsplit(".", 1)[-1])
        error = error.__cause__
    if names:
        raise _windtunnel.InputError(f"{'.'.join(names)}: {error}") from None
