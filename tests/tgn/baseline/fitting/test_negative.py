import numpy as np

from tests.fixture.block import blocks
from tgn.baseline.fitting.negative import Negatives

LOG = blocks()


def drawn(negatives: Negatives, user: int, n: int = 2_000) -> np.ndarray:
    return negatives.draw(np.full(n, user), np.random.default_rng(0)).ravel()


def test_no_negative_is_an_item_the_user_took() -> None:
    mine = set(LOG.items[LOG.users == 3].tolist())
    for kind in ("uniform", "popularity", "hard"):
        negatives = Negatives(LOG, kind, 3)  # type: ignore[arg-type]

        assert negatives.draw(np.array([3, 4]), np.random.default_rng(0)).shape == (2, 3)
        assert not mine & set(drawn(negatives, 3).tolist())


def test_uniform_negatives_are_all_other_items_alike() -> None:
    count = np.bincount(drawn(Negatives(LOG), 3, 53_000), minlength=LOG.n_items)
    mine = np.isin(np.arange(LOG.n_items), LOG.items[LOG.users == 3])

    assert (np.abs(count[~mine] / 53_000 - 1 / 53) < 0.004).all()


def test_popular_items_are_drawn_more_often_and_at_the_density_told() -> None:
    items = np.repeat(np.arange(3), [100, 10, 1]).astype(np.int32)
    users = np.arange(111, dtype=np.int32)
    log = LOG._replace(users=users, items=items, n_users=112, n_items=4)
    negatives = Negatives(log, "popularity")
    share = np.bincount(drawn(negatives, 111, 20_000), minlength=4) / 20_000

    assert np.abs(share - negatives.density()).max() < 0.01
    assert share[0] > 4 * share[1] > 4 * 4 * share[2] > 0
    assert share[3] == 0


def test_what_was_shown_and_not_taken_is_drawn_at_its_share() -> None:
    taken = int(LOG.items[LOG.users == 3][0])
    shown = np.array([taken, 59], np.int32)  # what was taken later is no zero
    log = LOG._replace(shown_users=np.array([3, 3], np.int32), shown_items=shown)
    items = drawn(Negatives(log, shown=0.5), 3)

    assert taken not in items
    assert 0.45 < np.mean(items == 59) < 0.57
    assert np.mean(drawn(Negatives(log), 4) == 59) < 0.1


def test_a_user_who_took_everything_is_drawn_for_all_the_same() -> None:
    everything = np.arange(LOG.n_items, dtype=np.int32)
    log = LOG._replace(users=np.zeros_like(everything), items=everything)

    assert drawn(Negatives(log), 0).shape == (2_000,)
