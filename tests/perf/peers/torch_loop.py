"""PyTorch: the usual loop, eager, or with the loss through torch.compile; Adam is the fused one, in both."""

import math
import os
from itertools import pairwise

os.environ.setdefault("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")  # else a second process would compile nothing

import torch
from torch import nn
from torch.nn import functional as F

from tests.perf.problems import ADAM, ALPHA, BATCH, BATCH_NORM_EPSILON, BETA


class Sign(torch.autograd.Function):
    """Sign forward, the sigmoid's derivative backward; sign(0) = +1 in networks and −1 in the notebook."""

    @staticmethod
    def forward(ctx, x, at_zero=1):
        ctx.save_for_backward(x)
        positive = x >= 0 if at_zero == 1 else x > 0
        return torch.where(positive, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, upstream):
        s = torch.sigmoid(ctx.saved_tensors[0])
        return upstream * s * (1 - s), None


class Spike(torch.autograd.Function):
    """1 from zero on, else 0; the sigmoid's derivative backward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, upstream):
        s = torch.sigmoid(ctx.saved_tensors[0])
        return upstream * s * (1 - s)


class HardLinear(nn.Linear):
    """A product with the signs of its weights."""

    def forward(self, x):
        return F.linear(x, Sign.apply(self.weight))


class HardActivation(nn.Module):
    """The sign of every number."""

    def forward(self, x):
        return Sign.apply(x)


class Spiking(nn.Module):
    """Leaky neurons that spike, read out by the largest potential over time of those that do not."""

    def __init__(self, widths):
        super().__init__()
        self.first, self.second = (nn.Linear(*pair, bias=False) for pair in pairwise(widths))

    def forward(self, x):
        arriving = self.first(x)
        v = i = torch.zeros_like(arriving[:, 0])
        fired = []
        for now in arriving.unbind(1):
            fired.append(Spike.apply(v - 1))
            v, i = (BETA * v + i) * (1 - fired[-1].detach()), ALPHA * i + now
        arriving = self.second(torch.stack(fired, 1))
        v = i = torch.zeros_like(arriving[:, 0])
        potentials = [v]
        for now in arriving.unbind(1):
            v, i = BETA * v + i, ALPHA * i + now
            potentials.append(v)
        return torch.stack(potentials, 1).amax(1)


class Network:
    """The binarized MLP, or the network that spikes."""

    def __init__(self, case):
        place = "cuda" if case.device == "gpu" else "cpu"
        kind = {"dtype": getattr(torch, case.precision), "device": place}
        self.x, self.y = torch.tensor(case.x, **kind), torch.tensor(case.y, dtype=torch.int64, device=place)
        self.unit = len(case.x) // BATCH
        self.model = (Spiking if case.problem.duration else binarized)(case.problem.widths)
        for parameter, value in zip(self.model.parameters(), sum(case.layers(), ()), strict=True):
            parameter.data = torch.tensor(value[0].T.copy())
        self.model.to(**kind)
        self.adam = Adam(self.model.parameters(), case)
        self.loss = torch.compile(self._loss) if case.variant == "compile" else self._loss

    def _loss(self, x, y):
        return F.cross_entropy(self.model(x), y)

    def train(self, units):
        """Whole epochs, each in a new order."""
        for _ in range(units):
            order = torch.randperm(len(self.x), device=self.x.device)
            self._steps(order[: self.unit * BATCH].split(BATCH))
        wait(self.x)

    def follow(self, batches):
        """These batches."""
        self._steps(torch.as_tensor(batches[:, 0], device=self.x.device).long())

    def _steps(self, batches):
        for picks in batches:
            self.adam.zero_grad()
            self.loss(self.x[picks], self.y[picks]).backward()
            self.adam.step()

    @torch.no_grad()
    def losses(self, batches):
        """One loss, with the batch's statistics."""
        picks = torch.as_tensor(batches[0]).long()
        return [self._loss(self.x[picks], self.y[picks]).item()]


def binarized(widths):
    """The binarized MLP of these widths."""
    layers = []
    for pair in pairwise(widths):
        layers += [HardLinear(*pair, bias=False), nn.BatchNorm1d(pair[1], BATCH_NORM_EPSILON), HardActivation()]
    return nn.Sequential(*layers[:-1])


class Notebook:
    """The scalars, as one vector."""

    unit = 100

    def __init__(self, case):
        start = torch.full([case.replicas], -1.0, dtype=getattr(torch, case.precision))
        self.x = nn.Parameter(start.to("cuda" if case.device == "gpu" else "cpu"))
        self.adam = Adam([self.x], case)
        self.loss = torch.compile(self._loss) if case.variant == "compile" else self._loss

    def _loss(self):
        return (0.5 * (Sign.apply(self.x, -1) - 1) ** 2).sum()

    def train(self, units):
        """Steps."""
        self._steps(units * self.unit)
        wait(self.x)

    def follow(self, batches):
        """As many steps: there are no batches."""
        self._steps(len(batches))

    def _steps(self, count):
        for _ in range(count):
            self.adam.zero_grad()
            self.loss().backward()
            self.adam.step()

    @torch.no_grad()
    def losses(self, _batches):
        """Each replica's loss."""
        return (0.5 * (Sign.apply(self.x, -1) - 1) ** 2).tolist()


class Adam(torch.optim.Adam):
    """PyTorch's own; where it is asked for, with Keras' epsilon, which depends on the step."""

    def __init__(self, parameters, case):
        betas = ADAM["beta_1"], ADAM["beta_2"]
        super().__init__(parameters, lr=case.problem.rate, betas=betas, eps=ADAM["epsilon"], fused=True)
        if case.keras_epsilon:
            self.done = 0
            self.register_step_pre_hook(self._place_epsilon)

    def _place_epsilon(self, *_):
        self.done += 1
        self.param_groups[0]["eps"] = ADAM["epsilon"] / math.sqrt(1 - ADAM["beta_2"] ** self.done)


def wait(tensor):
    """Until the device is done."""
    if tensor.is_cuda:
        torch.cuda.synchronize()
