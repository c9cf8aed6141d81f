"""bpviz diff"""
import click
@click.command("diff")
def command() -> None:
    """Say.
    """
