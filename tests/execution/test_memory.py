"""Test how much memory experiments may use: sizes as text, what is free, control groups and address limits."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from bpviz import config
from bpviz.config import ConfigError
from bpviz.config.discovery import Source
from bpviz.execution import memory

MIB = 1024**2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", 1024),
        ("500M", 500 * MIB),
        ("2G", 2 * 1024 * MIB),
        ("1.5 GiB", 1536 * MIB),
        (" .5mb ", MIB // 2),
        ("3k", 3072),
        ("1T", MIB * MIB),
        *((wrong, None) for wrong in ("", "0", "0.0000001", "-1", "G", "2X", "1e3", "nan", "2 G B", "1" * 50)),
    ],
)
def test_reads_sizes(text: str, size: int | None) -> None:
    assert memory.parse(text) == size


def test_processes_share_what_is_allowed() -> None:
    assert memory.budget(900 * MIB, 3) == 300 * MIB


@pytest.mark.parametrize(
    ("free", "addresses", "processes", "share"),
    [
        ([8000, 6000], [], 1, 3000),
        ([8000], [], 4, 1000),
        ([8000], [3000], 2, 1500),  # a limit of addresses is for each process
        ([10], [], 1, 128),  # a measure that cannot be right must not stop everything
        ([], [], 1, None),
    ],
)
def test_half_of_the_free_memory_may_be_used(
    free: list[int],
    addresses: list[int],
    processes: int,
    share: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_free_memory", lambda: iter([size * MIB for size in free]))
    monkeypatch.setattr(memory, "_free_addresses", lambda: iter([size * MIB for size in addresses]))
    assert memory.budget(None, processes) == (share and share * MIB)


def test_memory_is_free_on_this_computer() -> None:
    assert all(size > 0 for size in memory._free_memory())


def test_limit_of_addresses_counts_those_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert list(memory._free_addresses()) == []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**50, 2**50))
    (free,) = memory._free_addresses()
    assert 2**50 - 2**45 < free < 2**50


def test_finds_control_groups_of_both_versions(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("5:cpu,cpuacct:/jobs/one\n4:memory:/jobs/one\n0::/jobs/two\n")
    root = tmp_path / "root"
    first, second = root / "memory" / "jobs" / "one", root / "jobs" / "two"
    for folder, names, stat in (
        (first, ("memory.limit_in_bytes", "memory.usage_in_bytes"), "cache 9\ntotal_inactive_file 50\n"),
        (second, ("memory.max", "memory.current"), "anon 7\ninactive_file 30\n"),
    ):
        folder.mkdir(parents=True)
        for name, size in zip(names, ("1000", "600"), strict=True):
            (folder / name).write_text(f"{size}\n")
        (folder / "memory.stat").write_text(stat)
    groups = list(memory._control_groups(root, own))
    assert [group.folder for group in groups] == [first, root / "memory", second, root]
    assert [group.free() for group in groups] == [450, None, 430, None]  # the cache of files is free
    (second / "memory.max").write_text("max\n")
    assert groups[2].free() is None
    assert list(memory._control_groups(root, tmp_path / "none")) == []


TEXT = b"algorithms: [gd]\nmax_epochs: 1000000000\nerror_threshold: null\n"


def test_reports_every_experiment_at_its_place() -> None:
    sources = [Source("a.yaml", TEXT), Source("b.yaml", TEXT), Source("c.yaml", b"algorithms: [gd]\n")]
    with pytest.raises(ConfigError) as caught:
        memory.check([source.experiment() for source in sources], 1024**3, sources)
    assert [(m.file, m.line, m.path) for m in caught.value.mistakes] == [
        ("a.yaml", 2, "max_epochs"),
        ("b.yaml", 2, "max_epochs"),
    ]


def test_reports_experiments_without_a_file_by_name() -> None:
    one = config.loads(TEXT, "test", Path(), name="mine")
    with pytest.raises(ConfigError, match=r"^mine: max_epochs: the paths of 1,000,000,000 epochs of 1 run "):
        memory.check([one], 1024**3)
    memory.check([one], 2**50)
