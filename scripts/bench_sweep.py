"""A sweep of 96 small runs against what people use today: one command each, alternating, wall time of the whole.

    python scripts/bench_sweep.py [--rounds 1] [--peers basic,joblib,lightning] [--small]
    python scripts/bench_sweep.py --overhead 10000

The reference sweep: parity at each step, length 20, batch 32, 500 steps; rnn, gru, lstm of hidden size 32; four
learning rates, clipping off and at 1.0, four seeds. `basic` and `joblib` are Hydra's launchers (joblib with two jobs)
over the plain PyTorch script below, with torch's default threads; `lightning` is the same model as a
LightningModule with its Trainer's defaults, under the basic launcher (skipped where lightning is not installed).
`--small` takes 24 of the 96 runs. `--overhead N` times planning N runs, and the same again when all is done.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLAIN = """
import hydra, torch
from torch import nn
from torch.nn import functional as F

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}

def data(seed):
    generator = torch.Generator().manual_seed(seed)
    bits = torch.randint(0, 2, (12000, 20), generator=generator)
    return bits, bits.cumsum(1) % 2

class Model(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.embedding, self.cell = nn.Embedding(2, 32), CELLS[cell](32, 32, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        return self.head(self.cell(self.embedding(x))[0])

def train(config):
    torch.manual_seed(config.seed)
    bits, odd = data(config.seed)
    model = Model(config.cell)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr)
    for step in range(500):
        chosen = torch.randint(0, 10000, (32,))
        loss = F.cross_entropy(model(bits[chosen]).flatten(0, 1), odd[chosen].flatten())
        optimizer.zero_grad()
        loss.backward()
        if config.clip:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
    with torch.no_grad():
        return F.cross_entropy(model(bits[10000:]).flatten(0, 1), odd[10000:].flatten()).item()

def lightning(config):
    import lightning
    import warnings, logging
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = Model(config.cell)
        def training_step(self, batch):
            return F.cross_entropy(self.model(batch[0]).flatten(0, 1), batch[1].flatten())
        def validation_step(self, batch):
            self.log("val", F.cross_entropy(self.model(batch[0]).flatten(0, 1), batch[1].flatten()))
        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=config.lr)

    torch.manual_seed(config.seed)
    bits, odd = data(config.seed)
    tensors = torch.utils.data.TensorDataset
    loaders = torch.utils.data.DataLoader
    fit = loaders(tensors(bits[:10000], odd[:10000]), batch_size=32, shuffle=True)
    val = loaders(tensors(bits[10000:], odd[10000:]), batch_size=2000)
    trainer = lightning.Trainer(max_steps=500, gradient_clip_val=config.clip)
    trainer.fit(Module(), fit, val)

@hydra.main(config_path=".", config_name="plain")
def main(config):
    (lightning if config.lightning else train)(config)

main()
"""
CONFIG = "cell: rnn\nlr: 1e-3\nclip: null\nseed: 0\nlightning: false\n"


def grid(small: bool, names: dict[str, str]) -> list[str]:
    rates, seeds = ("1e-3,1e-2", "range(2)") if small else ("3e-4,1e-3,3e-3,1e-2", "range(4)")
    values = {"cell": "rnn,gru,lstm", "lr": rates, "clip": "null,1.0", "seed": seeds}
    return ["-m", *(f"{names.get(key, key)}={value}" for key, value in values.items())]


def commands(small: bool, peers: list[str]) -> dict[str, list[str]]:
    plain = [sys.executable, "plain.py", *grid(small, {})]
    known = {
        "basic": [*plain, "hydra/launcher=basic"],
        "joblib": [*plain, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        "lightning": [*plain, "hydra/launcher=basic", "lightning=true"],
    }
    ours = [sys.executable, "-m", "rnnsweep", *grid(small, {"lr": "optimizer.lr", "clip": "train.clip"})]
    task = ["task=parity", "task.seq_len=20", "cell.hidden_size=32", "train.batch_size=32", "train.steps=500"]
    ours += [*task, "train.schedule=constant", "train.warmup=0", "train.eval_every=500"]
    return {"rnnsweep": ours} | {peer: known[peer] for peer in peers}


def wall(command: list[str]) -> float:
    """Seconds of one command in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plain.py").write_text(PLAIN)
        Path(folder, "plain.yaml").write_text(CONFIG)
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return time.perf_counter() - start


def compare(small: bool, peers: list[str], rounds: int) -> None:
    todo = commands(small, peers)
    times: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(rounds):
        for name, command in todo.items():
            times[name].append(wall(command))
            print(f"  {name}: {times[name][-1]:.1f} s", file=sys.stderr, flush=True)
    print(f"| {24 if small else 96} runs with | seconds | times ours |\n|---|---|---|")
    for name, measured in times.items():
        ratios = [theirs / mine for theirs, mine in zip(measured, times["rnnsweep"], strict=True)]
        print(f"| {name} | {statistics.median(measured):.1f} | {statistics.median(ratios):.2f} |")


def overhead(count: int) -> None:
    """Planning, and a sweep in which all is done: `count` runs whose records are written here, untrained."""
    from rnnsweep.record import RunRecord, RunStore

    seeds = f"seed=range({count})"
    base = [sys.executable, "-m", "rnnsweep", "-m", "task=parity", seeds]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run([*base, "hydra.sweeper.plan=true", "hydra.sweeper.stack=1"], cwd=folder, check=True)
        planning = time.perf_counter() - start
        code = "import sys; from rnnsweep.cli import main; import rnnsweep.sweep.sweeper as s\n"
        code += "s.StudySweeper._launch = lambda *_: None\nmain()"  # writes the plan, trains nothing
        subprocess.run([sys.executable, "-c", code, *base[3:]], cwd=folder, check=False, capture_output=True)
        (plan,) = Path(folder).glob("multirun/default/.study/plan-*.json")
        for run in json.loads(plan.read_text()):
            store = RunStore(plan.parent.parent / run["id"])
            store.path.mkdir()
            store.finish(RunRecord(run["id"], "complete", {}, {"val/loss": 1.0}, 1, 1.0, 1, run["config"], {}))
        start = time.perf_counter()
        subprocess.run(base, cwd=folder, check=True, capture_output=True)
        again = time.perf_counter() - start
    print(f"planning {count} runs: {planning:.1f} s; the same sweep again: {1e3 * again / count:.2f} ms a run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default="basic,joblib,lightning")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--overhead", type=int, metavar="N")
    options = parser.parse_args()
    if options.overhead:
        overhead(options.overhead)
        return
    here = {"lightning": "lightning", "joblib": "hydra_plugins.hydra_joblib_launcher", "basic": "hydra"}
    peers = [peer for peer in options.peers.split(",") if importlib.util.find_spec(here[peer])]
    compare(options.small, peers, options.rounds)


if __name__ == "__main__":
    main()
