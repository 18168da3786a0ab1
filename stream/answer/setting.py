"""What an answer is like where the request does not say otherwise: a section of the configuration."""

from typing import Annotated

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class AnswerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults of an answer.

    Fields:
        diversity: Share of variety against score in the order, 0 to 1 (see `tgn.inference.diversity`).
        tail: An item's chance to be taken, against that of the best, that an answer's last item must have, 0 to 1.
        explore: Share of an answer given to new items that are described and have hardly been shown, 0 to 1.
        explore_events: An item with so many events is new no longer.
        explore_exposures: A new item is shown so often by one serving process at most.
    """

    diversity: Share = 0.0
    tail: Share = 0.0
    explore: Share = 0.05
    explore_events: Positive = 5
    explore_exposures: Positive = 100
