"""The rule by which a process is started again."""

from deploy.service.child import Backoff


def test_waits_between_starts_double_up_to_a_ceiling_and_a_calm_life_clears_the_record() -> None:
    patience = Backoff(first_s=1.0, most_s=5.0, calm_s=60.0)

    assert [patience.after(0.1) for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    assert patience.failures == 4
    assert patience.after(61.0) == 1.0


def test_however_often_it_ends_it_waits_no_longer_than_half_a_minute() -> None:
    patience = Backoff()

    assert [patience.after(0.1) for _ in range(2_000)][-1] == 30.0
