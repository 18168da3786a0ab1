"""What one process tells the others: a single row in shared memory."""

from __future__ import annotations

import numpy as np

PARTITIONS = 256

RANKERS = ("riverwalk", "blend", "own_recency", "popularity")  # serving codes, by number

LET_GO = {  # fields of INFO, and of the world's row
    "items_let_go": "items_let_go",
    "users_let_go": "users_let_go",
    "forgotten_users": "forgotten",
    "forgotten_events": "dropped",
}
STATUS = np.dtype(
    [
        ("generation", "i8"),
        ("ready", "i8"),  # 1 once the stored state is loaded and the stream is being read
        ("lag", "i8"),  # events in the topic that are not applied yet
        ("stopped", "i8"),  # 1 while learning has stopped because the disk cannot be written
        (
            "past",
            "i8",
        ),  # 1 on a stream of the past, whose newest event was over a day old when it was written
        ("seconds", "i8"),  # events whose times look like seconds
        ("serving", "i8"),  # number of the ranker that answers
        ("partitions", "i8"),
        ("learned", "i8"),  # events learned from
        ("judged", "i8"),  # events in the live quality
        ("mrr", "f8", (len(RANKERS),)),
        ("recall10", "f8", (len(RANKERS),)),
        ("applied", "i8", (PARTITIONS,)),  # next offset of each partition, visible in answers
        ("saved", "i8", (PARTITIONS,)),  # next offset of each partition, on the disk
        (
            "described",
            "i8",
            (PARTITIONS,),
        ),  # next offset of each partition of the items topic, visible in answers
    ],
    align=True,
)
