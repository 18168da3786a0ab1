"""PyTorch Geometric's TGN recipe behind the contract of a baseline."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tgn.baseline.pyg_tgn import PygSettings, PygTgn

SMALL = PygSettings(dim=16, batch=20, lr=1e-2)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Nets this small are slower on more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def habits(n: int = 400, seed: int = 0) -> np.ndarray:
    """Events of 8 users, each with one item of 16 that is always theirs."""
    user = np.random.default_rng(seed).integers(0, 8, n)
    return np.stack([user, 2 * user, 60_000 * np.arange(n)])


def played(model: PygTgn, log: np.ndarray) -> PygTgn:
    for user, item, t in log.T.tolist():
        model.learn(user, item, t)
    return model


def scores(model: PygTgn) -> np.ndarray:
    return np.stack([model.score(user, 0) for user in range(8)])


def weights(model: PygTgn) -> list[torch.Tensor]:
    return [w.clone() for part in (model.memory, model.net) for w in part.parameters()]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_it_learns_which_items_are_taken() -> None:
    model = PygTgn(8, 16, SMALL)
    losses = model.fit(*habits(), epochs=2)

    assert losses[1] < losses[0]
    assert (scores(model)[:, ::2].min(1) > scores(model)[:, 1::2].max(1)).all()  # the odd items are nobody's


def test_it_answers_from_the_last_full_batch() -> None:
    log = habits(40)
    model = played(PygTgn(8, 16, SMALL), log[:, :20])
    after_one = scores(model)
    played(model, log[:, 20:39])

    assert (scores(model) == after_one).all()
    played(model, log[:, 39:])
    assert (scores(model) != after_one).any()


def test_frozen_weights_stay_while_memory_goes_on() -> None:
    model = played(PygTgn(8, 16, SMALL), habits(100))
    model.freeze()
    before, then = weights(model), scores(model)
    played(model, habits(100, seed=1) + np.array([[0], [1], [10_000_000]]))

    assert same(weights(model), before)
    assert (scores(model) != then).any()


def test_weights_are_trained_until_it_is_frozen() -> None:
    model = PygTgn(8, 16, SMALL)
    before = weights(model)
    played(model, habits(20))

    assert not same(weights(model), before)


def test_every_pass_begins_with_an_empty_memory() -> None:
    once, twice = PygTgn(8, 16, SMALL), PygTgn(8, 16, SMALL)
    for model, epochs in ((once, 1), (twice, 2)):
        model.freeze()
        model.fit(*habits(90), epochs)

    assert (scores(once) == scores(twice)).all()


def test_a_log_may_be_played_from_its_start_after_a_fit_on_its_first_part() -> None:
    log, rest = habits(130), habits(130)[:, 90:]
    whole, part = PygTgn(8, 16, SMALL), PygTgn(8, 16, SMALL)
    for model in (whole, part):
        model.fit(*log[:, :90], epochs=1)

    assert (scores(played(whole, log)) == scores(played(part, rest))).all()


def test_the_same_seed_gives_the_same_weights_and_leaves_the_chance_of_others_alone() -> None:
    state = torch.get_rng_state()
    first = played(PygTgn(8, 16, SMALL), habits(60))
    torch.manual_seed(99)
    second = played(PygTgn(8, 16, SMALL), habits(60))
    torch.manual_seed(99)
    other = played(PygTgn(8, 16, PygSettings(dim=16, batch=20, lr=1e-2, seed=7)), habits(60))
    torch.set_rng_state(state)

    assert same(weights(first), weights(second))
    assert not same(weights(first), weights(other))


def test_chance_drawn_elsewhere_is_not_disturbed() -> None:
    state = torch.get_rng_state()
    played(PygTgn(8, 16, SMALL), habits(40))

    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("user", "item"), [(8, 0), (0, 16)])
def test_an_id_the_model_was_not_made_for_is_refused_by_name(user: int, item: int) -> None:
    with pytest.raises(ValueError, match=f"user {user}, item {item}: the model was made for 8 users and 16"):
        PygTgn(8, 16, SMALL).learn(user, item, 0)


def test_torch_is_loaded_only_when_a_model_is_made() -> None:
    code = "import sys, tgn.baseline.pyg_tgn; print('torch' in sys.modules, 'torch_geometric' in sys.modules)"

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False False\n"
    )
