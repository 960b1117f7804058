"""The live view in a browser: what it shows, and to whom."""

import json
import os
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import records

from rnnsweep import status
from rnnsweep.errors import ConfigError
from rnnsweep.record import RunStore
from rnnsweep.web import server as server_module
from rnnsweep.web.live_curves import MOST_POINTS, Curve
from rnnsweep.web.server import PAGES, Server, opened
from rnnsweep.web.watched import Watched

DOM = """
// as much of a browser's document as the page uses
class Node {
  constructor(name) {
    Object.assign(this, {name, children: [], attributes: {}, style: {}, hidden: false, classes: new Set()});
  }
  get classList() { return {toggle: (name, on) => on ? this.classes.add(name) : this.classes.delete(name)}; }
  setAttribute(key, value) { this.attributes[key] = String(value); }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  set textContent(text) { this.children = [text]; }
  get text() { return this.children.map(child => child.text ?? child).filter(Boolean).join(" "); }
  count(name) { return this.children.reduce((sum, child) => sum + (child.count?.(name) ?? 0), this.name === name); }
}
const nodes = {};
globalThis.document = {
  hidden: false, title: "", addEventListener() {},
  getElementById: id => nodes[id] ??= new Node(id),
  createElement: name => new Node(name), createElementNS: (_, name) => new Node(name),
};
globalThis.fetch = async () => ({json: async () => JSON.parse(require("fs").readFileSync("state.json"))});
globalThis.setTimeout = () => {};
"""
DRIVE = """
look().then(() => console.log(JSON.stringify({
  title: document.title, parts: nodes.parts.text, boards: nodes.boards.text, failures: nodes.failures.text,
  news: nodes.news.text, polylines: nodes.plot.count("polyline"),
})));
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Five planned runs: two complete, one failed, one in training, one to do."""
    study = tmp_path / "mine"
    runs = [{"cell": cell, "seed": seed} for cell in ("gru", "lstm") for seed in (0, 1)] + [{"cell": "rnn", "seed": 0}]
    made = [records.config(**run) for run in runs]
    folder = study / ".study"
    folder.mkdir(parents=True)
    planned = [
        {
            "id": records.name(each),
            "signature": "s",
            "config": each,
            "overrides": [f"cell={run['cell']}", f"seed={run['seed']}"],
        }
        for each, run in zip(made, runs, strict=True)
    ]
    (folder / "plan-0.json").write_text(json.dumps(planned))
    records.run(study, 1.0, rows=4, **runs[0])
    records.run(study, 2.0, rows=4, **runs[1])
    records.run(study, 3.0, status="failed", **runs[2])
    live = RunStore(study / records.name(made[3]))
    live.path.mkdir()
    live.log(10, "val", {"loss": 2.5})
    live.release()
    return study


@pytest.fixture
def server(study: Path) -> Iterator[Server]:
    with Server(study, 0) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def asked(server: Server, path: str, host: str | None = None) -> tuple[int, bytes, Any]:
    request = urllib.request.Request(server.url.rstrip("/") + path, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_runs_by_state_settings_and_failures(study: Path) -> None:
    state = Watched(study).state()
    (part,) = state["parts"]
    assert (part["done"], part["total"]) == (3, 5)
    assert part["counts"].items() >= {"complete": 2, "failed": 1, "to do": 2}.items()
    (board,) = state["boards"]
    assert board["metric"] == "val/loss"
    assert board["rows"] == [{"setting": "cell=gru", "mean": "1.5000", "range": "1.0000 to 2.0000", "runs": 2}]
    (failure,) = state["failures"]
    assert failure["error"] == "ValueError: broken"
    assert failure["rerun"].startswith("python -m rnnsweep cell=lstm seed=0")
    assert {line["label"] for line in state["curves"]} == {"cell=gru"}


def test_a_run_in_training_is_drawn_as_it_grows(study: Path) -> None:
    live = next(path for path in study.iterdir() if path.name != ".study" and not (path / "record.json").exists())
    worker = study / ".study" / "workers" / "here-1.json"
    worker.parent.mkdir()
    worker.write_text(json.dumps({"pid": 1, "time": 1e12, "runs": [live.name], "step": 10, "steps": 100}))
    watched = Watched(study)
    first = watched.state()["curves"][0]
    assert (first["run"], first["live"], first["points"]) == (live.name, True, [(10, 2.5)])
    store = RunStore(live)
    store.log(20, "val", {"loss": 2.25})
    store.release()
    assert watched.state()["curves"][0]["points"] == [(10, 2.5), (20, 2.25)]


def test_a_curve_reads_what_is_new_and_only_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    curve = Curve(path)
    assert curve.points() == []
    path.write_text('{"step": 1, "split": "val", "loss": 3}\n{"step": 2, "split": "v')
    assert curve.points() == [(1, 3.0)]
    with path.open("a") as file:
        file.write('al", "loss": 2}\nnonsense\n{"step": 2, "split": "train", "loss": 9}\n')
    assert curve.points() == [(1, 3.0), (2, 2.0)]
    path.write_text('{"step": 1, "split": "val", "loss": 4}\n')  # trained anew
    assert curve.points() == [(1, 4.0)]


def test_a_long_curve_is_thinned_out_and_keeps_its_last_point(tmp_path: Path) -> None:
    rows = (json.dumps({"step": step, "split": "val", "loss": 1 / step}) for step in range(1, 1002))
    (tmp_path / "metrics.jsonl").write_text("".join(row + "\n" for row in rows))
    points = Curve(tmp_path / "metrics.jsonl").points()
    assert len(points) <= MOST_POINTS
    assert points[-1] == (1001, pytest.approx(1 / 1001))


def test_the_page_and_its_state_are_served(server: Server) -> None:
    for path in PAGES:
        code, content, headers = asked(server, path)
        assert (code, bool(content)) == (200, True)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    code, content, _ = asked(server, "/state")
    assert (code, json.loads(content)["study"]) == (200, "mine")


@pytest.mark.parametrize(
    "path", ["/plan-0.json", "/../mine/.study/plan-0.json", "/%2e%2e/state", "/state/../page.py", "//etc/passwd"]
)
def test_nothing_else_is_served(server: Server, path: str) -> None:
    assert asked(server, path)[0] == 404


def test_a_page_of_another_site_cannot_read_it(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert asked(server, "/state", host="evil.example:80")[0] == 403
    assert asked(server, "/state", host="localhost:80")[0] == 200


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_page_draws_a_state(study: Path, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps(Watched(study).state()))
    script = Path(server_module.__file__).parent / "page.js"
    (tmp_path / "drive.js").write_text(DOM + script.read_text() + DRIVE)
    done = subprocess.run(["node", "drive.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    shown = json.loads(done.stdout)
    assert shown["title"] == "mine: 3/5"
    assert "grid: 3 of 5 · 2 complete · 1 failed · 2 to do" in shown["parts"]
    assert shown["boards"] == "charlm setting mean val/loss lowest to highest runs cell=gru 1.5000 1.0000 to 2.0000 2"
    assert shown["polylines"] == 2
    assert "ValueError: broken python -m rnnsweep cell=lstm seed=0" in shown["failures"]
    assert shown["news"].startswith("As of ")


def test_nothing_is_written(study: Path) -> None:
    before = {path: os.stat(path).st_mtime_ns for path in study.rglob("*")}
    Watched(study).state()
    assert {path: os.stat(path).st_mtime_ns for path in study.rglob("*")} == before


def test_a_port_that_is_taken_is_refused_by_name(server: Server, study: Path) -> None:
    with pytest.raises(ConfigError, match=r"--port.*choose another"):
        opened(study, server.server_address[1])


def test_a_directory_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the directory of a study"):
        opened(tmp_path, 0)


def test_a_port_without_a_page_is_refused(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["status", str(study), "--port", "80"])
    with pytest.raises(SystemExit):
        status.main()
    assert "--port is for --web" in capsys.readouterr().err
