"""A sweep of 96 small runs against what people use today: one command each, alternating, wall time of the whole.

    python scripts/bench_sweep.py [--rounds 1] [--peers basic,joblib,lightning] [--small | --large]
    python scripts/bench_sweep.py --overhead 10000
    python scripts/bench_sweep.py --per-run

The reference sweep: parity at each step, length 20, batch 32, 500 steps; rnn, gru, lstm of hidden size 32; four
learning rates, clipping off and at 1.0, four seeds. `basic` and `joblib` are Hydra's launchers (joblib with two jobs)
over the plain PyTorch script below, with torch's default threads; `lightning` is the same model as a
LightningModule with its Trainer's defaults, under the basic launcher (skipped where lightning is not installed).
`--small` takes 24 of the 96 runs. `--large` is a sweep of 12 language models at hidden size 256, windows of 128, batch
32, 40 steps and one validation. `--overhead N` times planning N runs, and the same again when all is done. `--per-run`
is what a run costs beside its training: the time of 128 runs of one step, less that of 64, by one worker.
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

def text():
    from pydoc_data.topics import topics
    whole = "".join(topics[name] for name in sorted(topics))
    symbols = {symbol: number for number, symbol in enumerate(sorted(set(whole)))}
    return torch.tensor([symbols[symbol] for symbol in whole]), len(symbols)

class Model(nn.Module):
    def __init__(self, cell, symbols=2, embedding=32, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.cell = CELLS[cell](embedding, hidden, batch_first=True)
        self.head = nn.Linear(hidden, symbols)

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

def large(config):
    torch.manual_seed(config.seed)
    tokens, symbols = text()
    cut = round(len(tokens) * 0.9)
    model = Model(config.cell, symbols, 64, 256)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr)
    def loss_of(windows):
        return F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
    windows = tokens[:cut].unfold(0, 129, 1)
    for step in range(40):
        loss = loss_of(windows[torch.randint(len(windows), (32,))])
        optimizer.zero_grad()
        loss.backward()
        if config.clip:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
    held = tokens[cut:].unfold(0, 129, 128)
    with torch.no_grad():
        return sum(loss_of(part).item() for part in held.split(32))

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
    (large if config.large else lightning if config.lightning else train)(config)

main()
"""
CONFIG = "cell: rnn\nlr: 1e-3\nclip: null\nseed: 0\nlightning: false\nlarge: false\n"


RATES = {"small": "1e-3,1e-2", "reference": "3e-4,1e-3,3e-3,1e-2", "large": "1e-3,3e-3"}
SEEDS = {"small": "range(2)", "reference": "range(4)", "large": "range(2)"}
RUNS = {"small": 24, "reference": 96, "large": 12}


def grid(size: str, names: dict[str, str]) -> list[str]:
    clip = "1.0" if size == "large" else "null,1.0"
    values = {"cell": "rnn,gru,lstm", "lr": RATES[size], "clip": clip, "seed": SEEDS[size]}
    return ["-m", *(f"{names.get(key, key)}={value}" for key, value in values.items())]


def commands(size: str, peers: list[str]) -> dict[str, list[str]]:
    plain = [sys.executable, "plain.py", *grid(size, {}), f"large={size == 'large'}"]
    known = {
        "basic": [*plain, "hydra/launcher=basic"],
        "joblib": [*plain, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        "lightning": [*plain, "hydra/launcher=basic", "lightning=true"],
    }
    ours = [sys.executable, "-m", "rnnsweep", *grid(size, {"lr": "optimizer.lr", "clip": "train.clip"})]
    parity = "task=parity task.seq_len=20 cell.hidden_size=32 train.steps=500 train.eval_every=500"
    charlm = "task=charlm task.seq_len=128 task.carry_state=false task.embedding_dropout=0 task.output_dropout=0"
    charlm += " task.sample_length=0 cell.hidden_size=256 train.steps=40 train.eval_every=40"
    ours += [*(charlm if size == "large" else parity).split(), "train.batch_size=32"]
    ours += ["train.schedule=constant", "train.warmup=0"]
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


def compare(size: str, peers: list[str], rounds: int) -> None:
    todo = commands(size, peers)
    times: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(rounds):
        for name, command in todo.items():
            times[name].append(wall(command))
            print(f"  {name}: {times[name][-1]:.1f} s", file=sys.stderr, flush=True)
    print(f"| {RUNS[size]} runs with | seconds | times ours |\n|---|---|---|")
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


def per_run() -> None:
    """What a run costs beside its training: data, model, one validation, one test, checkpoints, record."""
    base = [sys.executable, "-m", "rnnsweep", "-m", "task=parity", "cell.hidden_size=32", "train.steps=1"]
    base += ["hydra.sweeper.workers=1", "task.examples=1000", "task.held_out=100"]
    for stack in (1, 64):
        seconds = {n: wall([*base, f"seed=range({n})", f"hydra.sweeper.stack={stack}"]) for n in (64, 128)}
        print(f"stacks of {stack}: {1e3 * (seconds[128] - seconds[64]) / 64:.1f} ms for each run of one step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default="basic,joblib,lightning")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--small", dest="size", action="store_const", const="small", default="reference")
    sizes.add_argument("--large", dest="size", action="store_const", const="large")
    parser.add_argument("--per-run", action="store_true")
    parser.add_argument("--overhead", type=int, metavar="N")
    options = parser.parse_args()
    if options.overhead:
        overhead(options.overhead)
        return
    if options.per_run:
        per_run()
        return
    here = {"lightning": "lightning", "joblib": "hydra_plugins.hydra_joblib_launcher", "basic": "hydra"}
    peers = [peer for peer in options.peers.split(",") if importlib.util.find_spec(here[peer])]
    compare(options.size, peers, options.rounds)


if __name__ == "__main__":
    main()
