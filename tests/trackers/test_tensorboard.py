"""Event files, read with TensorBoard."""

from __future__ import annotations

import json
import math
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpviz.trackers._outputs import read
from bpviz.trackers._tracker import contained

from .conftest import CONFIG, RUNS, invoke, written

with contained():
    WHY = "needs the trackers themselves: pip install --group trackers"
    pytest.importorskip("tensorboardX", reason=WHY)
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason=WHY)
    hparams = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2", reason=WHY)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised by TensorBoard when tests read files


def single(x: float) -> float:
    """Return a number in single precision, as TensorBoard stores it."""
    try:
        return float(struct.unpack("f", struct.pack("f", x))[0])
    except OverflowError:
        return math.copysign(math.inf, x)


def events(folder: Path, outputs: Path, name: str | None = None) -> Any:
    """Return the events of a run, by its name, or of the overview."""
    wanted = read(outputs)
    thing = wanted if name is None else next(run for run in wanted.runs if run.name == name)
    (place,) = folder.glob(f"* {thing.id[:8]}")
    found = accumulator.EventAccumulator(str(place), size_guidance=dict.fromkeys(accumulator.DEFAULT_SIZE_GUIDANCE, 0))
    return found.Reload()


def export(*arguments: object) -> str:
    result = invoke("export", *arguments, "--to", "tensorboard", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    return result.output


def test_all_epochs_of_all_runs_are_exported(study: Path) -> None:
    export(study)
    for run in read(study).runs:
        found = events(study / "tensorboard", study, run.name)
        assert set(found.Tags()["scalars"]) == {*run.metrics, "summary/epochs", "summary/final_error"}
        for i, metric in enumerate(run.metrics):
            assert [(e.step, e.value) for e in found.Scalars(metric)] == [
                (epoch, single(row[i])) for epoch, row in enumerate(run.history)
            ]
        assert [e.value for e in found.Scalars("summary/epochs")] == [len(run.history) - 1]
        assert [e.value for e in found.Scalars("summary/final_error")] == [single(run.history[-1][0])]
        about = found.Tensors("about/text_summary")[0].tensor_proto.string_val[0].decode()
        content = json.loads(about.removeprefix("```json\n").removesuffix("\n```"))
        assert content == {"config": run.config, "ending": run.ending, "params": run.params, "versions": run.versions}


def test_non_finite_numbers_are_kept(study: Path) -> None:
    export(study)
    assert [e.value for e in events(study / "tensorboard", study, RUNS[0]).Scalars("error")][1:] == [math.inf]
    grows = [e.value for e in events(study / "tensorboard", study, "grows from (-4, -4)").Scalars("error")]
    assert (grows[0] < 100, grows[-1]) == (True, math.inf), "2.8e68 overflows in single precision"


def test_parameters_are_exported_as_hparams(study: Path) -> None:
    export(study)
    found = events(study / "tensorboard", study, "RPROP from (3, -2)").summary_metadata
    start = hparams.HParamsPluginData.FromString(found["_hparams_/session_start_info"].plugin_data.content)
    values = {k: v.string_value or v.number_value for k, v in start.session_start_info.hparams.items()}
    assert values["algorithm"] == "rprop"
    assert (values["settings.max_step"], values["settings.increase"]) == (0.5, 1.2)
    assert (values["start"], values["error_threshold"], values["max_epochs"]) == ("[3.0, -2.0]", 0.125, 40)
    assert (values["network.activation"], values["gradient_threshold"], values["ending"]) == (
        "linear",
        "null",
        "reached",
    )
    experiment = hparams.HParamsPluginData.FromString(found["_hparams_/experiment"].plugin_data.content).experiment
    assert {metric.name.tag for metric in experiment.metric_infos} == {"summary/epochs", "summary/final_error"}


def test_the_overview_shows_tables_and_figures(study: Path) -> None:
    export(study)
    found = events(study / "tensorboard", study)
    (image,) = found.Images("figures/errors")
    assert image.encoded_image_string == (study / "errors.png").read_bytes()
    assert (image.width, image.height) == struct.unpack(">II", image.encoded_image_string[16:24])
    texts = {
        tag: found.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0].decode() for tag in ("summary", "run")
    }
    assert texts["summary"] == (study / "summary.md").read_text(encoding="utf-8")
    assert json.loads(texts["run"].removeprefix("```json\n").removesuffix("\n```")) == json.loads(
        (study / "run.json").read_bytes()
    )


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_bytes_are_reproducible_in_another_process(study: Path) -> None:
    export(study)
    before = everything(study / "tensorboard")
    shutil.rmtree(study / "tensorboard")
    command = [sys.executable, "-W", "error", "-m", "bpviz", "export", str(study), "--to", "tensorboard"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"{study}: 6 runs and the overview in {study / 'tensorboard'}: 7 new\n",
        f"next: tensorboard --logdir {study / 'tensorboard'}\n",
    )
    assert everything(study / "tensorboard") == before
    assert len(before) == 7


def test_second_export_skips_unchanged_runs_and_replaces_changed_ones(
    study: Path, edit: Callable[[Path, str, str], None]
) -> None:
    export(study)
    before = {path: path.stat().st_mtime_ns for path in (study / "tensorboard").rglob("*")}
    assert invoke("export", study, "--to", "tensorboard").stdout.endswith(": 7 unchanged\n")
    assert {path: path.stat().st_mtime_ns for path in (study / "tensorboard").rglob("*")} == before
    edit(study / "history.csv", "RPROP,1,22.29125,", "RPROP,1,22.5,")
    assert invoke("export", study, "--to", "tensorboard").stdout.endswith(": 2 updated, 5 unchanged\n")
    after = events(study / "tensorboard", study, "RPROP from (-4, -4)")
    assert [e.value for e in after.Scalars("error")][1] == 22.5
    assert [e.step for e in after.Scalars("error")] == list(range(16)), "no duplicate epochs"
    assert len(everything(study / "tensorboard")) == 7


def test_figures_in_other_formats_are_omitted(tmp_path: Path) -> None:
    folder = written(tmp_path / "study", CONFIG, "--format", "svg")
    export(folder)
    assert events(folder / "tensorboard", folder).Tags()["images"] == []


def test_into_option_sets_the_folder(study: Path, other: Path) -> None:
    result = invoke("export", study, other, "--to", "tensorboard", "--into", "a board")
    assert result.stdout.splitlines() == [
        f"{folder}: 6 runs and the overview in {Path('a board') / folder.name}: 7 new" for folder in (study, other)
    ]
    assert result.stderr == "next: tensorboard --logdir 'a board'\n"
    assert not (study / "tensorboard").exists()
    assert len(everything(Path("a board"))) == 14
    assert events(Path("a board/other"), other, RUNS[0]).Tags()["scalars"]
    result = invoke("export", study, other, "--to", "tensorboard")
    assert result.stderr == f"next: tensorboard --logdir {study.parent}\n"


def test_rejects_symbolic_link(study: Path, other: Path) -> None:
    Path("elsewhere").mkdir()
    (study / "tensorboard").symlink_to(Path("elsewhere").absolute())
    result = invoke("export", study, other, "--to", "tensorboard", "--quiet")
    place = study / "tensorboard"
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"tensorboard: export of {study} failed or is incomplete: "
        f"{place} is a symbolic link to {Path('elsewhere').absolute()}; remove it\n"
    )
    assert list(Path("elsewhere").iterdir()) == []
    assert len(everything(other / "tensorboard")) == 7


def test_folder_that_is_not_writable(study: Path) -> None:
    Path("file").touch()
    result = invoke("export", study, "--to", "tensorboard", "--into", "file/board")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"tensorboard: export of {study} failed or is incomplete: cannot write ")


@pytest.mark.parametrize("label", ["..", "a/../../b", "遠" * 200, "CON", " . ", "é|<>:\\"])
def test_any_label_gives_a_valid_folder_name(tmp_path: Path, label: str) -> None:
    config = f"algorithms: [{{name: rprop, label: {json.dumps(label)}}}]\nfigures: []\n"
    folder = written(tmp_path / "one", config)
    export(folder)
    assert {path.parent.parent.name for path in folder.rglob("*tfevents*")} == {"tensorboard"}
    assert events(folder / "tensorboard", folder, read(folder).runs[0].name).Tags()["scalars"]
