"""bpviz check"""

from __future__ import annotations

import contextlib
import sys

import click

from bpviz.cli.compare import algorithm_names
from bpviz.cli.errors import report_mistakes
from bpviz.cli.layout import Command
from bpviz.cli.options import plugin_option
from bpviz.cli.styled import print_table
from bpviz.messages.printing import echo, echo_json


@click.command("check", cls=Command)
@click.argument("algorithm", shell_complete=algorithm_names)
@click.option("--against", metavar="ALGORITHM", help="Second algorithm, to test for equivalence.")
@plugin_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the report.",
)
@click.option("--no-color", is_flag=True, help="Disable colors (also: set NO_COLOR).")
def command(algorithm: str, against: str | None, plugins: tuple[str, ...], form: str, no_color: bool) -> None:
    """Test an algorithm against the contract, or for equivalence with another.

    ALGORITHM is a name, a name with settings, or a class in a Python file, which is executed. The contract is the set
    of rules that every built-in algorithm follows: for example, a run does not depend on the other runs computed with
    it, only declared evaluations are used, arguments are not modified, and invalid settings are rejected. With
    --against, the paths of both algorithms are compared at every epoch on several problems, within rounding error.
    The exit code is 1 if a check fails.

    \b
      bpviz check my_rule.py:MyRule
      bpviz check my_rule.py:MyRule --against momentum:step=0.1
    """
    from bpviz.config.plugins import rule_of

    with report_mistakes(plugins):
        rule = rule_of(algorithm)
        other = rule_of(against) if against is not None else None
        from bpviz import tables  # imports NumPy
        from bpviz.conformance import report

        with contextlib.redirect_stdout(sys.stderr):  # output of plugins is not part of the report
            checked = report.check(rule, other)
    if form == "json":
        echo_json(tables.as_json(report.as_data(checked)))
    elif not sys.stdout.isatty():
        echo(report.as_text(checked), nl=False)
    else:
        for number, (table, sentences) in enumerate(report.sections(checked)):
            if number:
                echo()
            print_table(table, no_color=no_color)
            for sentence in sentences:
                echo(f"  {sentence}")
    if not checked.passed:
        raise click.exceptions.Exit(1)
