"""Styled output on terminals: tables and the progress bar."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from bpviz.cli.layout import split_width
from bpviz.messages.printing import defused, echo_styled

if TYPE_CHECKING:
    from bpviz.tables import Table


def print_table(table: Table, *, no_color: bool) -> None:
    """Print a table with folded cells; on a narrow terminal, as one paragraph per row.

    The last column is colored, unless it has numbers.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table as Styled
    from rich.text import Text

    titles, *rows = ([defused(cell) for cell in row] for row in (table.titles, *table.rows))
    console = Console(no_color=no_color or None, highlight=False)
    styled = Styled(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    label, *between, ending = columns = list(zip(titles, *rows, strict=True))
    unbroken = [_words(label), *([*_words([title]), *cells] for title, *cells in between), _words(ending)]
    least, most = ([max(map(cell_len, texts)) for texts in parts] for parts in (unbroken, columns))
    free = console.width - 2 * len(between) - 2
    for title, number, width in zip(titles, table.numbers, least, strict=True):
        styled.add_column(Text(title), justify="right" if number else "left", min_width=width)
    color = (lambda cell: "") if table.numbers[-1] else _color
    for row in rows:
        styled.add_row(*map(Text, row[:-1]), Text(row[-1], style=color(row[-1])))
    if sum(most) > free:
        for column in styled.columns[1:-1]:
            column.width = column.min_width
        rest = free - sum(least[1:-1])
        styled.columns[0].width = split_width(label, ending, rest)
        styled.columns[-1].width = min(rest - styled.columns[0].width, most[-1])
    with console.capture() as printed:
        if sum(least) <= free:
            console.print(styled)
        else:
            for row in rows:
                console.print(Text(row[0], style="bold"))
                parts = [f"{title} {cell}, " for title, cell in zip(titles[1:-1], row[1:-1], strict=True) if cell]
                console.print(Padding(Text.assemble(*parts, (row[-1], color(row[-1]))), (0, 0, 0, 2)))
    echo_styled(printed.get())


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in text.split()]


def _color(ending: str) -> str:
    """Return the color of an ending or of a verdict of `bpviz check` or `bpviz backprop`."""
    if not ending:
        return ""
    if ending.startswith(("reached max_epochs", "nothing", "skipped")):
        return "yellow"
    good = ("reached", "passed", "identical", "equivalent", "agrees")
    return "green" if ending.startswith(good) else "red"


@contextlib.contextmanager
def progress_bar(steps: int, *, no_color: bool) -> Iterator[Callable[[str], None]]:
    """Show a progress bar on the standard error stream; yield a function that advances it and sets its label."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True, no_color=no_color or None), transient=True) as bar:
        task = bar.add_task("starting", total=steps)
        yield lambda words: bar.update(task, advance=1, description=escape(defused(words)[:40]))
