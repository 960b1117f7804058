"""The LSTM's ablations against the equations of Greff et al. (2017), written out gate by gate in NumPy."""

import numpy as np
import pytest
import torch
from conftest import CONF, Compose, choices
from torch import nn

from rnnsweep import run
from rnnsweep.cells.lstm_vanilla import LSTMVanilla

VARIANTS = [name for name in choices("cell") if "lstm_vanilla" in (CONF / f"cell/{name}.yaml").read_text()]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def reference(weights: dict[str, np.ndarray], x: np.ndarray, variant: str) -> np.ndarray:
    """One layer on one sequence (time, in); `variant` is the part of the YAML's name after `lstm_`."""
    hidden = weights["weight_hh"].shape[1]
    absent = {"no_input_gate": "i", "no_forget_gate": "f", "no_output_gate": "o", "coupled_gates": "f"}.get(variant, "")
    rows = [gate for gate in "ifgo" if gate != absent]
    block = {gate: slice(k * hidden, (k + 1) * hidden) for k, gate in enumerate(rows)}
    peephole = {gate: k for k, gate in enumerate(gate for gate in rows if gate != "g")}
    h, c, before = np.zeros(hidden), np.zeros(hidden), np.zeros(hidden * len(peephole))
    outputs = []
    for step in x:

        def net(gate: str, memory: np.ndarray, step=step, h=h, before=before) -> np.ndarray:  # type: ignore[no-untyped-def]
            at = block[gate]
            total = weights["weight_ih"][at] @ step + weights["weight_hh"][at] @ h
            total = total + weights["bias_ih"][at] + weights["bias_hh"][at]
            if gate != "g" and variant != "no_peepholes":
                total = total + weights["peepholes"][peephole[gate]] * memory
            if gate != "g" and variant == "full_gate_recurrence":
                k = peephole[gate]
                total = total + weights["weight_gates"][k * hidden : (k + 1) * hidden] @ before
            return total  # type: ignore[no-any-return]

        i = np.ones(hidden) if absent == "i" else sigmoid(net("i", c))
        f = np.ones(hidden) if variant == "no_forget_gate" else 1 - i
        f = f if absent == "f" else sigmoid(net("f", c))
        g = net("g", c) if variant == "no_input_activation" else np.tanh(net("g", c))
        c = f * c + i * g
        o = np.ones(hidden) if absent == "o" else sigmoid(net("o", c))
        h = o * (c if variant == "no_output_activation" else np.tanh(c))
        before = np.concatenate([{"i": i, "f": f, "o": o}[gate] for gate in peephole])
        outputs.append(h)
    return np.stack(outputs)


@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_is_the_paper_s(name: str, composed: Compose) -> None:
    torch.manual_seed(0)
    config, classes = run.validated(composed(f"cell={name}", "cell.hidden_size=4"))
    cell = classes["cell"](3, **run.settings(config, "cell")).double()
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    weights = {key: weight.detach().numpy() for key, weight in cell.layers[0].named_parameters()}
    wanted = np.stack([reference(weights, sequence.numpy(), name.removeprefix("lstm_")) for sequence in x])
    np.testing.assert_allclose(cell(x)[0].detach().numpy(), wanted, rtol=1e-10)


def test_an_ablation_is_one_line(composed: Compose) -> None:
    vanilla = composed("cell=lstm_vanilla")["cell"]
    assert len(VARIANTS) == 9
    for name in set(VARIANTS) - {"lstm_vanilla"}:
        cell = composed(f"cell={name}")["cell"]
        assert sum(cell[key] != vanilla[key] for key in vanilla) == 1
        assert len((CONF / f"cell/{name}.yaml").read_text().splitlines()) == 4


def test_without_peepholes_it_is_torch_s() -> None:
    torch.manual_seed(0)
    theirs, ours = nn.LSTM(3, 5, batch_first=True), LSTMVanilla(3, hidden_size=5, peepholes=False)
    for key, weight in ours.layers[0].named_parameters():
        weight.data.copy_(getattr(theirs, f"{key}_l0"))
    x = torch.randn(2, 6, 3)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])


def test_an_absent_gate_has_no_parameters() -> None:
    count = {
        gate: sum(p.numel() for p in LSTMVanilla(3, hidden_size=5, **{gate: False}).parameters())
        for gate in ("input_gate", "output_gate")
    }
    whole = sum(p.numel() for p in LSTMVanilla(3, hidden_size=5).parameters())
    assert whole == 4 * 5 * (3 + 5 + 2) + 3 * 5
    assert set(count.values()) == {3 * 5 * (3 + 5 + 2) + 2 * 5}
    full = sum(p.numel() for p in LSTMVanilla(3, hidden_size=5, gate_recurrence=True).parameters())
    assert full == whole + 9 * 25
