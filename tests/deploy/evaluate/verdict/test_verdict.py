"""The verdict: it follows the intervals, and claims nothing beyond them."""

import re

import numpy as np
import pytest

from deploy.evaluate.setting import KNOWN
from deploy.evaluate.verdict.legend import ENTRIES, FAMILIES, entry, idle
from deploy.evaluate.verdict.verdict import Found, Worth, best, gain, sentences

N = 2_000
USERS = np.arange(N) % 400


def worth(**means: float) -> Worth:
    """Reciprocal ranks of models around their means, noise of their own; names with _ for -."""
    chance = np.random.default_rng(1)
    return Worth(
        USERS, {name.replace("_", "-"): mean + chance.normal(0, 0.05, N) for name, mean in means.items()}
    )


def found(whole: Worth, *, repeats: float = 0.0, **seconds: float) -> Found:
    return Found(
        whole, whole, repeats, {name: seconds.get(name.replace("-", "_"), 1.0) for name in whole.values}
    )


def said(whole: Worth, **how: float) -> str:
    return "\n".join(sentences(found(whole, **how)))


def test_a_clear_lead_is_told_with_its_interval() -> None:
    text = said(worth(popularity=0.10, lightgcn=0.15, riverwalk=0.20))

    assert "Riverwalk's MRR is .1" in text
    assert "above lightgcn, the best of the others" in text
    assert "Graph models bought: lightgcn is" in text


def test_a_difference_that_chance_explains_is_called_that() -> None:
    text = said(worth(popularity=0.10, lightgcn=0.1001))

    assert "Graph models bought nothing: lightgcn is within chance of popularity" in text
    assert "above" not in text


def test_a_log_of_repeats_is_called_that() -> None:
    whole = worth(own_recency=0.8, popularity=0.1)
    same = Worth(USERS, {**whole.values, "riverwalk": whole.values["own-recency"] + 0.001})

    assert "own-recency is within 1 % of everything: your log is repeats (83 % of" in said(same, repeats=0.83)
    assert "your log is repeats" not in said(worth(own_recency=0.8, riverwalk=0.9), repeats=0.83)


def test_learned_vectors_within_chance_are_advised_against_with_what_they_cost() -> None:
    text = said(worth(riverwalk=0.2, riverwalk_counted=0.2), riverwalk=10.0, riverwalk_counted=4.0)

    assert "within chance of its counted features" in text
    assert "save 60 % of the CPU" in text


def test_the_best_of_many_equal_models_does_not_keep_its_luck() -> None:
    chance = np.random.default_rng(2)
    values = {name: 0.1 + chance.normal(0, 0.3, N) for name in ENTRIES if name != "popularity"}
    whole = Worth(USERS, {"popularity": np.full(N, 0.1), **values})
    lucky = best(whole, list(values))
    assert lucky is not None
    picked = max(values.values(), key=lambda one: float(one.mean()))

    assert float(lucky.values.mean()) < float(picked.mean())
    assert not gain(whole, lucky.values, whole.values["popularity"]).sure


def test_a_live_history_is_held_against_the_same_weights() -> None:
    text = said(worth(lightgcn=0.10, lightgcn_live=0.15, mf=0.12, mf_live=0.12))

    assert "Today's history: lightgcn-live, the best of its kind, is" in text
    assert "above the same weights with the history of training" in text


def test_each_model_with_trust_is_held_against_itself_without() -> None:
    text = said(worth(social_gcn=0.20, social_gcn_no_trust=0.15, riverwalk=0.2001, riverwalk_trust=0.20))

    assert re.search(r"Trust: social-gcn is 3\d % \[[^]]*\] above the same without it; ", text)
    assert "riverwalk-trust is within chance of the same without it" in text
    assert "Trust" not in said(worth(social_gcn=0.20, riverwalk=0.15))


def test_too_few_users_say_nothing() -> None:
    few = Worth(np.zeros(9, int), {"popularity": np.ones(9), "ease": np.zeros(9)})

    assert sentences(found(few)) == [
        "Too little was judged to say which is better: 1 users; nothing is claimed."
    ]


def test_every_model_has_an_entry_and_a_family() -> None:
    assert {entry(name).family for name in KNOWN} == set(FAMILIES)
    assert entry("lightgcn-live").about.endswith("the user's history as it is now")
    with pytest.raises(KeyError):
        entry("magic")


@pytest.mark.parametrize(
    ("name", "protocol", "new_only", "says"),
    [
        ("edgebank", "stream", True, "items the user had"),
        ("transitions", "random", True, "order of events"),
        ("riverwalk-frozen", "random", True, "no later events"),
        ("edgebank", "stream", False, ""),
        ("ease", "random", True, ""),
    ],
)
def test_what_can_say_nothing_under_a_protocol_is_known(
    name: str, protocol: str, new_only: bool, says: str
) -> None:
    assert says in idle(name, protocol, new_only)
    assert bool(says) == bool(idle(name, protocol, new_only))
