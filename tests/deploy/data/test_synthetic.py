"""The generated stream: reproducible, in order, and with the traits it promises."""

from collections import Counter
from itertools import islice

import numpy as np

from deploy.data import synthetic


def test_the_same_seed_gives_the_same_events_and_another_seed_others() -> None:
    first, again, other = (list(synthetic.events(2_000, seed=seed)) for seed in (3, 3, 4))

    assert first == again
    assert first != other


def test_events_come_in_the_order_of_their_times_and_span_the_days_asked_for() -> None:
    times = [event.t for event in synthetic.events(20_000, days=10)]

    assert times == sorted(times)
    assert 5 < (times[-1] - times[0]) / 86_400_000 < 20


def test_every_item_has_a_readable_title_of_its_own() -> None:
    titles = {item: fields["title"] for item, fields in synthetic.catalogue(2_000)}

    assert len(set(titles.values())) == len(titles) == 2_000
    assert all(event.item in titles for event in synthetic.events(2_000))


def test_users_and_items_appear_over_time() -> None:
    events = list(synthetic.events(40_000, users=1_000, items=500))
    early, late = events[:20_000], events[20_000:]

    assert len({event.user for event in late} - {event.user for event in early}) > 100
    assert len({event.item for event in late} - {event.item for event in early}) > 20


def test_users_stay_with_their_favourites_for_a_while_and_then_drift() -> None:
    events = list(synthetic.events(60_000, users=50))
    busiest = Counter(event.user for event in events).most_common(1)[0][0]
    taken = [event.item.partition("-")[0] for event in events if event.user == busiest]
    first, last = Counter(taken[:80]), Counter(taken[-80:])

    assert sum(count for _, count in first.most_common(3)) >= 70
    assert first.most_common(3) != last.most_common(3)


def test_a_stream_can_be_taken_bit_by_bit() -> None:
    assert len(list(islice(synthetic.events(10_000_000), 5))) == 5


def test_columns_are_quick_reproducible_and_of_the_sizes_asked_for() -> None:
    made, again = synthetic.columns(50_000, 1_000, 500, 7), synthetic.columns(50_000, 1_000, 500, 7)

    assert made.user == again.user
    assert made.item == again.item
    assert len(made.user) == len(made.item) == len(made.t) == len(made.kind) == len(made.value) == 50_000
    assert len(set(made.user)) <= 1_000
    assert 400 < len(set(made.item)) <= 500
    assert np.all(np.diff(made.t) > 0)
