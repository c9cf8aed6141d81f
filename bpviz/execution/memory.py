"""How much memory is free, how much of it experiments may use, and which need more."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpviz.config import ConfigError, Mistake
from bpviz.experiment import limits

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.config.discovery import Source

_LEAST = 128 * 1024 * 1024  # that experiments may use if nothing else is said: with less, Python itself fails

_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([KMGT]?)(?:i?B)?\s*", re.IGNORECASE)


def parse(text: str) -> int | None:
    """Return the bytes of a size such as ``500M``, ``2G`` or ``1.5 GiB`` (powers of 1024); None if it is invalid."""
    found = _SIZE.fullmatch(text) if len(text) <= 40 else None
    size = int(float(found[1]) * 1024 ** _UNITS[found[2].upper()]) if found else 0
    return size or None


def budget(allowed: int | None, processes: int = 1) -> int | None:
    """Return the bytes that each of several processes may use: of those allowed, or else of half of what is free.

    None if neither is known.
    """
    if allowed is not None:
        return allowed // processes
    shares = [free // processes for free in _free_memory()] + list(_free_addresses())
    return max(_LEAST, min(shares) // 2) if shares else None


def check(experiments: Iterable[Experiment], memory: int | None, sources: Sequence[Source] = ()) -> None:
    """Raise ConfigError if experiments need more memory for certain, or more than a day.

    ``sources`` are their configs, in which the mistakes are reported.
    """
    mistakes = []
    for experiment, source in zip_longest(experiments, sources):
        found = limits.excess(experiment, memory)
        if found and source:
            mistakes.append(source.places().place(found.path).mistake(*found))
        elif found:
            mistakes.append(Mistake(experiment.name, 0, 0, *found))
    if mistakes:
        raise ConfigError(mistakes)


def _free_memory() -> Iterator[int]:
    """Yield the bytes that all processes together may still take: in the system, and in their control groups."""
    try:
        found = re.search(r"^MemAvailable:\s*([0-9]+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        if found:
            yield int(found[1]) * 1024
    except OSError:
        if "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
            yield os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for group in _control_groups():
        free = group.free()
        if free is not None:
            yield free


class _ControlGroup(NamedTuple):
    """A folder with the limit and the use of a control group of Linux, in files that depend on the version."""

    folder: Path
    most: str = "memory.max"
    used: str = "memory.current"
    cached: str = "inactive_file"

    def free(self) -> int | None:
        """Return the bytes that its processes may still take; None without a limit. Caches of files are free."""
        try:
            most, used = (int((self.folder / name).read_text()) for name in (self.most, self.used))
            cached = re.search(rf"^{self.cached} ([0-9]+)", (self.folder / "memory.stat").read_text(), re.MULTILINE)
        except (OSError, ValueError):  # no such group, or "max"
            return None
        return max(0, most - used + int(cached[1] if cached else 0))


def _control_groups(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> Iterator[_ControlGroup]:
    """Yield the control groups of this process. In a container, its group is the top folder."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for inside in (path.lstrip("/"), ""):
            if not controllers:
                yield _ControlGroup(root / inside)
            elif "memory" in controllers.split(","):
                files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                yield _ControlGroup(root / "memory" / inside, *files)


def _free_addresses() -> Iterator[int]:
    """Yield the bytes of addresses that this process may still take (``ulimit -v``)."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        used = 0
    yield max(0, most - used)
