"""An answer as a RESP reply."""

from __future__ import annotations

from stream.answer.request import Answer, Recommend
from stream.resp.codec import Reply


def shown(answer: Answer, request: Recommend) -> Reply:
    """Return an answer as a flat list: items, each followed by its score and reason where asked for."""
    if not request.with_scores and not request.with_reasons:
        return list(answer.items)
    columns: list[list[str] | list[float]] = [answer.items]
    if request.with_scores:
        columns.append(answer.scores)
    if request.with_reasons:
        columns.append(answer.reasons)
    return [value for row in zip(*columns, strict=True) for value in row]
