"""Node memory: only touched nodes change, and it is what PyTorch Geometric computes where both mean the same."""

import numpy as np
import pytest
import torch

from tgn.inference.layout import TgnSettings, layout
from tgn.network.embedding import initial, split
from tgn.network.memory import Gru, Memory, gru
from tgn.network.message import age_code, messages

SIZES = TgnSettings(dim=8, heads=2, history=4, memory=6)
USERS, ITEMS = 50, 40


def room(settings=SIZES):
    count = {"user": USERS, "item": ITEMS, "one": 1}
    tables = {
        name: np.zeros((count[kind], *shape), dtype)
        for name, (kind, dtype, shape) in layout(settings).items()
    }
    tables["item_vector"][1:] = np.random.default_rng(1).normal(0, 1, (ITEMS - 1, settings.dim))
    return tables


def events(n, seed=0, users=USERS, items=ITEMS):
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, users, n).astype(np.int32),
        rng.integers(1, items, n).astype(np.int32),
        1_700_000_000_000 + np.cumsum(rng.integers(1, 60_000, n)),
        rng.integers(0, 7, n).astype(np.int8),
        rng.normal(1, 1, n).astype(np.float32),
    )


def weights(settings=SIZES):
    return split(torch.from_numpy(initial(settings)), settings)


def test_the_gru_is_the_gru_cell_of_torch():
    w = weights()
    w = {**w, "gru_bias": torch.randn(18), "gru_hidden_bias": torch.randn(18)}
    cell = torch.nn.GRUCell(SIZES.message, SIZES.memory)
    with torch.no_grad():
        cell.weight_ih.copy_(w["gru_in"].t())
        cell.weight_hh.copy_(w["gru_hidden"].t())
        cell.bias_ih.copy_(w["gru_bias"])
        cell.bias_hh.copy_(w["gru_hidden_bias"])
    message, hidden = torch.randn(5, SIZES.message), torch.randn(5, SIZES.memory)

    assert torch.allclose(gru(message, hidden, w), cell(message, hidden), atol=1e-6)


def test_the_way_back_through_the_gru_is_that_of_torch():
    draw = torch.Generator().manual_seed(0)
    flat = torch.randn(initial(SIZES).shape[0], generator=draw).requires_grad_()
    message, hidden, slope = (torch.randn(5, k, generator=draw) for k in (SIZES.message, 6, 6))
    w = split(flat, SIZES)
    cell = torch.nn.GRUCell(SIZES.message, SIZES.memory)
    parts = {"weight_ih": w["gru_in"].t(), "weight_hh": w["gru_hidden"].t()}
    parts |= {"bias_ih": w["gru_bias"], "bias_hh": w["gru_hidden_bias"]}
    after = torch.func.functional_call(cell, parts, (message, hidden))
    (wanted,) = torch.autograd.grad((after * slope).sum(), flat)

    found = torch.zeros_like(flat)
    Gru(message, hidden, split(flat.detach(), SIZES)).back(slope, split(found, SIZES))

    assert torch.allclose(found, wanted, atol=1e-5)
    assert wanted.any()


class Told(torch.nn.Module):
    """Riverwalk's message as a message module: what the other node and the event say, whatever the memories."""

    out_channels = SIZES.message

    def forward(self, own, other, raw, code):
        return torch.cat([raw[:, : SIZES.dim], code, raw[:, SIZES.dim :]], 1)


class Code(torch.nn.Module):
    """Riverwalk's age code as a time encoder; a node never seen before has no age."""

    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(1, 1)  # tells the device

    def forward(self, age):
        age = age.numpy().astype(np.int64)
        return torch.from_numpy(age_code(np.where(age > 1_000_000_000_000, 0, age)))


def peer(w):
    """PyG's memory with the same weights; users are its nodes from 0, items follow."""
    from torch_geometric.nn.models.tgn import LastAggregator, TGNMemory  # after `aggregation`: it warns

    raw = SIZES.dim + 8
    model = TGNMemory(USERS + ITEMS, raw, SIZES.memory, 8, Told(), LastAggregator())
    model.time_enc = Code()
    with torch.no_grad():
        model.gru.weight_ih.copy_(w["gru_in"].t())
        model.gru.weight_hh.copy_(w["gru_hidden"].t())
        model.gru.bias_ih.copy_(w["gru_bias"])
        model.gru.bias_hh.copy_(w["gru_hidden_bias"])
        model.eval()
        model.reset_state()
    return model


@pytest.mark.parametrize("batch", [1, 16])
def test_users_remember_what_pytorch_geometric_remembers(batch):
    """With the last message as the aggregate; a node's age reaches back to its last batch in both."""
    settings = TgnSettings(dim=8, heads=2, history=4, memory=6, half_life_days=1e-12)
    tables, w = room(settings), weights(settings)
    memory, model = Memory(tables, settings), peer(w)
    vector = tables["item_vector"]

    for k in range(12):
        user, item, t, kind, value = events(batch, seed=k)
        t = t + k * 1_000_000  # ages stay exact in PyG's float32
        raw = messages(vector[item], np.zeros(batch, np.int64), kind, value)
        raw = np.delete(raw, np.s_[settings.dim : settings.dim + 8], axis=1)
        nodes = torch.from_numpy(user.astype(np.int64))
        others = torch.from_numpy(item.astype(np.int64) + USERS)
        memory.update(user, item, t, kind, value, w)
        with torch.no_grad():
            model.update_state(nodes, others, torch.from_numpy(t), torch.from_numpy(raw))

    seen = np.flatnonzero(tables["user_time"])
    assert seen.shape[0] > 5
    assert np.allclose(tables["user_memory"][seen], model.memory[seen].numpy(), atol=1e-5)
    assert np.array_equal(tables["user_time"][seen], model.last_update[seen].numpy())


def test_only_the_rows_of_touched_nodes_change():
    tables, w = room(), weights()
    memory = Memory(tables, SIZES)
    memory.update(*events(200), w)
    before = {name: table.copy() for name, table in tables.items()}

    users, items = memory.update(*events(9, seed=5, users=5, items=7), w)

    for name, (kind, _, _) in layout(SIZES).items():
        same = (tables[name] == before[name]).reshape(tables[name].shape[0], -1).all(1)
        touched = {"user": users, "item": items, "one": np.zeros(0, int)}[kind]
        assert np.isin(np.flatnonzero(~same), touched).all(), name
    assert set(users) <= set(range(5))
    assert set(items) <= set(range(1, 7))
    assert not np.array_equal(tables["user_memory"], before["user_memory"])


def test_the_kept_message_and_the_memory_before_it_give_the_memory_again():
    tables, w = room(), weights()
    memory = Memory(tables, SIZES)
    memory.update(*events(100), w)
    users, _ = memory.update(*events(60, seed=2), w)

    again = gru(
        torch.from_numpy(tables["user_message"][users]), torch.from_numpy(tables["user_before"][users]), w
    )

    assert np.array_equal(again.detach().numpy(), tables["user_memory"][users])


def test_a_late_event_does_not_turn_the_clock_back():
    tables, w = room(), weights()
    memory = Memory(tables, SIZES)
    one = (np.array([3], np.int32), np.array([4], np.int32))
    rest = (np.zeros(1, np.int8), np.ones(1, np.float32))
    memory.update(*one, np.array([9_000]), *rest, w)

    memory.update(*one, np.array([4_000]), *rest, w)

    assert tables["user_time"][3] == tables["item_time"][4] == 9_000


def test_a_memory_that_would_not_be_finite_stays_as_it_was():
    tables, w = room(), weights()
    memory = Memory(tables, SIZES)
    memory.update(*events(50), w)
    before = tables["user_memory"].copy()
    broken = {**w, "gru_in": w["gru_in"] * float("nan")}

    memory.update(*events(50, seed=3), broken)

    assert np.array_equal(tables["user_memory"], before)
