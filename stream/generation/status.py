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
        ("ignored", "i8"),  # records that need not be events, such as deleted rows, since the start
        ("partitions", "i8"),
        ("skipped", "i8"),  # samples that found no room on their way to the learner
        ("ranked_share", "f8"),  # of the events that are described for the ranker now
        ("applied", "i8", (PARTITIONS,)),  # next offset of each partition, visible in answers
        ("saved", "i8", (PARTITIONS,)),  # next offset of each partition, on the disk
        ("waiting", "i8", (PARTITIONS,)),  # events of each partition that are not read yet
        (
            "described",
            "i8",
            (PARTITIONS,),
        ),  # next offset of each partition of the items topic, visible in answers
    ],
    align=True,
)
QUALITY = np.dtype(  # what the learner tells
    [
        ("serving", "i8"),  # number of the ranker that answers
        ("learned", "i8"),  # events that the network learned from
        ("ranked", "i8"),  # events that the ranker learned from
        ("missed", "i8"),  # events that were written over before they were learned from
        ("waiting", "i8"),  # events that wait for the learner
        ("deferred", "i8"),  # events that the network learns from once nothing waits
        ("share", "f8"),  # of the events that the network learns from now
        ("judged", "i8"),  # events in the live quality
        ("mrr", "f8", (len(RANKERS),)),
        ("recall10", "f8", (len(RANKERS),)),
        ("seen", "i8", (PARTITIONS,)),  # next offset of each partition
    ],
    align=True,
)
