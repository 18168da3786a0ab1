"""The rule by which a process is started again."""

from deploy.service.child import DISK_FULL, Backoff


def test_waits_between_starts_double_up_to_a_ceiling_and_a_calm_life_clears_the_record() -> None:
    patience = Backoff(first_s=1.0, most_s=5.0, calm_s=60.0, limit=9)

    assert [patience.after("", 0.1) for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    assert patience.after("", 61.0) == 1.0


def test_only_a_named_error_is_given_up() -> None:
    patience = Backoff(limit=3)

    assert [patience.after("BadSource", 0.1) is None for _ in range(3)] == [False, False, True]
    assert None not in [Backoff(limit=3).after(name, 0.1) for name in ("", DISK_FULL) for _ in range(9)]
