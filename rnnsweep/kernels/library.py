"""Torch's own sequence kernels (oneDNN or ATen on a CPU, cuDNN on a GPU) on the weights of one layer.

They are what nn.RNN, nn.GRU and nn.LSTM call. torch.vmap refuses them, so a stack uses the scan.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from rnnsweep.types import State

# (x, state, [weight_ih, weight_hh, bias_ih, bias_hh]) -> (outputs, state)
LibraryKernel = Callable[[Tensor, State, list[Tensor]], tuple[Tensor, State]]

# has_biases, num_layers, dropout, train, bidirectional, batch_first
_ONE_LAYER = (True, 1, 0.0, False, False, True)


def rnn_tanh(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    y, h = torch.rnn_tanh(x, state[0][None], weights, *_ONE_LAYER)
    return y, (h[0],)


def rnn_relu(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    y, h = torch.rnn_relu(x, state[0][None], weights, *_ONE_LAYER)
    return y, (h[0],)


def gru(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    y, h = torch.gru(x, state[0][None], weights, *_ONE_LAYER)
    return y, (h[0],)


def lstm(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    y, h, c = torch.lstm(x, [leaf[None] for leaf in state], weights, *_ONE_LAYER)
    return y, (h[0], c[0])
