"""What the neural models share: the device, the weights on it, and Adam down the gradient of a loss.

A model writes its loss as a function of named weights; PyTorch finds the gradient. The weights come and go as NumPy arrays,
so only a fit needs PyTorch. Adam (Kingma and Ba 2015, ICLR) divides each weight's step by the size of its recent gradients:
the embedding of a rare film moves as far in its few steps as that of a popular one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from recsys_lab import checks
from recsys_lab.errors import DataError, MissingExtraError

Weights = dict[str, np.ndarray]
DEVICES = ("auto", "cpu", "cuda")


def pytorch() -> Any:
    """The module torch. Raises MissingExtraError where it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("fitting a neural model needs PyTorch: pip install 'recsys-lab[neural]'.") from error
    return torch


def device_of(device: str) -> str:
    """ "auto" is the GPU where PyTorch finds one, else the processor. Raises DataError for a GPU that is not there."""
    checks.choice("device", device, DEVICES)
    there = pytorch().cuda.is_available()
    if device == "cuda" and not there:
        raise DataError("device='cuda': PyTorch finds no GPU here; choose 'auto' or 'cpu'.")
    if device == "auto":
        return "cuda" if there else "cpu"
    return device


def precision_of(device: str) -> Any:
    """PyTorch's type of number: double on the processor, single on a GPU, which is slow at double.

    Processors add up in orders of their own. In single precision these last digits grow, over a few hundred steps, into other
    recommendations for one user in a hundred; in double precision they stay where nobody sees them, at twice the time.
    """
    return pytorch().float64 if device == "cpu" else pytorch().float32


@contextmanager
def one_thread() -> Iterator[Any]:
    """PyTorch on one thread, as it was before afterwards. Sums in a fixed order: the same weights each time."""
    torch = pytorch()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield torch
    finally:
        torch.set_num_threads(before)


def descend(
    model: str,
    weights: Weights,
    loss: Callable[[Mapping[str, Any], Any], Any],
    batches: Callable[[], Iterable[Any]],
    *,
    epochs: int,
    rate: float,
    decay: float,
    device: str,
) -> Weights:
    """The weights after `epochs` passes of Adam, as float64.

    Parameters
    ----------
    model : its name, for the message when it diverges.
    weights : where to start.
    loss : (weights as tensors, batch) -> a scalar tensor.
    batches : called once an epoch; yields what `loss` takes.
    rate : length of the first steps; it falls in a straight line to 0. decay : each step shrinks the weights by rate x decay.
    device : as `device_of` returned it.
    """
    checks.whole("epochs", epochs, 1, "passes over the data")
    checks.number("rate", rate, 0, "the length of the first steps", above=True)
    checks.number("decay", decay, 0, "each step shrinks the weights by rate x decay")
    with one_thread() as torch:
        dtype = precision_of(device)
        w = {k: torch.tensor(v, dtype=dtype, device=device, requires_grad=True) for k, v in weights.items()}
        adam = torch.optim.AdamW(w.values(), lr=rate, weight_decay=decay)
        for epoch in range(epochs):
            for group in adam.param_groups:
                group["lr"] = rate * (1 - epoch / epochs)
            total = 0.0
            for batch in batches():
                adam.zero_grad()
                value = loss(w, batch)
                value.backward()
                adam.step()
                total += float(value.detach())
            checks.converged(model, epoch + 1, f"Lower rate={rate:g}.", np.array(total))
        return {k: v.detach().cpu().numpy().astype(np.float64) for k, v in w.items()}
