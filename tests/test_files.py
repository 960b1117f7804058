"""How files are read and written: a damaged one counts as absent, a full disk leaves the old one and no part."""

import dataclasses
import errno
import functools
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import largest
from hypothesis import given
from hypothesis import strategies as st

from rnnsweep import files
from rnnsweep.errors import ConfigError, MachineError

BAD = [
    b"",
    b"{",
    b"nonsense",
    b"\xff\xfe\x00",
    b"[1, 2]",
    b'{"a": "1"}',
    b'{"a": null}',
    b"null",
    b'{"a": 1} {',
    b"\0\0",
]


@pytest.mark.parametrize("content", BAD)
def test_a_damaged_file_counts_as_absent_and_that_is_said_once(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "probe.json"
    path.write_bytes(content)
    assert files.read(path, dict[str, float]) is files.read(path, dict[str, float]) is None
    told = f"rnnsweep: {path} is damaged (cut short, or of another program); it counts as absent\n"
    assert capsys.readouterr().err == told
    files.write(path, '{"a": 1}')
    assert files.read(path, dict[str, float]) == {"a": 1}


def test_a_missing_file_is_absent_without_a_word_and_a_directory_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert files.read(tmp_path / "a.json", dict[str, Any]) is None
    assert files.read(tmp_path / "file" / "a.json", dict[str, Any]) is None
    assert not capsys.readouterr().err
    assert files.read(tmp_path, dict[str, Any]) is None
    assert "is damaged" in capsys.readouterr().err


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_they_were_written(number: float) -> None:
    read = files.parsed(json.dumps({"a": number}).encode(), dict[str, float])
    assert read is not None
    assert struct.pack("d", read["a"]) == struct.pack("d", number)


def refuse(code: int) -> Any:
    def refused(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return refused


REFUSALS = [
    (errno.ENOSPC, "fsync", "No space left on device; make room on that disk"),
    (errno.EROFS, "open", "Read-only file system; give yourself the permission, or choose another directory"),
    (errno.EACCES, "open", "Permission denied; give yourself the permission, or choose another directory"),
    (errno.EIO, "fsync", "Input/output error; solve that"),
]


@pytest.mark.parametrize(("code", "call", "said"), REFUSALS, ids=[os.strerror(code) for code, _, _ in REFUSALS])
def test_a_write_that_fails_names_path_and_reason_and_leaves_the_old_file(
    code: int, call: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "record.json"
    files.write(path, "old")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*((os, "fsync") if call == "fsync" else ("builtins.open",)), refuse(code))
        with pytest.raises(MachineError) as caught:
            files.write(path, "new")
    assert str(caught.value) == f"{path} cannot be written: {said}, then the same command continues"
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
    assert path.read_text() == "old"


def test_a_checkpoint_that_is_larger_than_allowed_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save = functools.partial(torch.save, {"weights": torch.zeros(10_000)})
    with largest(1000), pytest.raises(MachineError, match=r"last\.pt cannot be written: File too large; allow larger"):
        files.write(path, save)
    assert not list(tmp_path.iterdir())
    files.write(path, save)
    assert torch.load(path)["weights"].shape == (10_000,)


def test_a_directory_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"gone/last\.pt cannot be written: No such file or directory; bring"):
        files.write(tmp_path / "gone" / "last.pt", b"x")


def test_what_is_written_is_synced_and_so_is_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(os.readlink(f"/proc/self/fd/{file}")), fsync(file)))
    monkeypatch.setattr(os, "rename", lambda *_: pytest.fail("a rename does not replace everywhere"))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("renamed"), replace(a, b)))
    files.write(tmp_path / "last.pt", b"x")
    assert [Path(name).suffix or name for name in done] == [".partial", "renamed", str(tmp_path)]
    files.write(tmp_path / "curves.png", b"x", synced=False)
    assert done[3:] == ["renamed"]


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    count: int = 0
    other: tuple[int, ...] = ()


def test_what_is_not_known_is_left_out_and_what_came_later_has_its_default() -> None:
    assert files.parsed(b'{"name": "a", "new": 1, "other": [1, 2]}', Shape) == Shape("a", other=(1, 2))
    assert files.parsed(b'{"count": 1}', Shape) is None
    assert files.parsed(b'{"name": "a", "count": 1.5}', Shape) is None


def test_errors_survive_the_way_from_another_process() -> None:
    for error in (ConfigError("a.b", "wrong", ("c",)), MachineError(Path("x"), OSError(28, "full"), "read")):
        copy = pickle.loads(pickle.dumps(error))
        assert str(copy) == str(error)
        assert type(copy) is type(error)
