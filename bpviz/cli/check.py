"""bpviz check"""

from __future__ import annotations

import contextlib
import sys

import click

from bpviz.cli.compare import algorithm_names
from bpviz.cli.errors import mistakes_reported
from bpviz.cli.options import plugin_option
from bpviz.cli.show import print_styled


@click.command("check")
@click.argument("algorithm", shell_complete=algorithm_names)
@click.option("--against", metavar="ALGORITHM", help="Another algorithm, to compare the paths of the two.")
@plugin_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of the report.",
)
@click.option("--no-color", is_flag=True, help="No colours, as with NO_COLOR in the environment.")
def command(algorithm: str, against: str | None, plugins: tuple[str, ...], form: str, no_color: bool) -> None:
    """Check that an algorithm keeps the contract, or is another.

    ALGORITHM is a name, a name with settings, or a class in a file of yours, which is executed. It is held to what
    every algorithm here promises: one run equals many, it asks what it says, it writes on nothing, bad settings are
    refused, and more. With --against the paths of two are compared at every epoch, on several problems, as far as
    roundoff allows. The exit code is 1 if something does not hold.

    \b
      bpviz check my_rule.py:MyRule
      bpviz check my_rule.py:MyRule --against momentum:step=0.1
    """
    from bpviz.config.plugins import rule_of

    with mistakes_reported(plugins):
        rule = rule_of(algorithm)
        other = rule_of(against) if against is not None else None
        from bpviz import tables  # NumPy, once there is something to compute
        from bpviz.conformance import report

        with contextlib.redirect_stdout(sys.stderr):  # what a rule prints is no part of the report
            made = report.check(rule, other)
    if form == "json":
        click.echo(tables.as_json(report.as_data(made)), nl=False)
    elif not sys.stdout.isatty():
        click.echo(report.as_text(made), nl=False)
    else:
        for number, (table, sentences) in enumerate(report.sections(made)):
            if number:
                click.echo()
            print_styled(table, no_color=no_color)
            for sentence in sentences:
                click.echo(f"  {sentence}")
    if not made.passed:
        raise click.exceptions.Exit(1)
