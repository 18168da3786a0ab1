"""Commands to try on the instance that a demo leaves serving."""

import shlex
from collections.abc import Sequence
from urllib.parse import quote

from deploy.config.schema import Config


def tips(config: Config, user: str, item: str, words: Sequence[str] = ()) -> str:
    """Return commands to paste, with the ports of the running instance.

    Args:
        user: The followed user.
        item: The item they took last.
        words: Options of RECOMMEND that filter by item fields; empty where items are not described.
    """
    serve = config.serve
    http = f"http://{serve.host}:{serve.http_port}"
    cli = f"redis-cli -p {serve.port}"
    chosen = (
        f"  {cli} RECOMMEND {shlex.quote(user)} 5 {shlex.join(words)}",
        f"  {cli} ITEM {shlex.quote(item)}",
    )
    return "\n".join(
        (
            "",
            "Everything is produced; the instance keeps serving. Try in another terminal:",
            "",
            f"  {cli} RECOMMEND {shlex.quote(user)} 5 WITHREASONS",
            f"  {cli} SIMILAR {shlex.quote(item)} 5",
            f"  {cli} TRENDING 5",
            *(chosen if words else ()),
            f"  curl '{http}/recommend/{quote(user, safe='')}?k=5'",
            "",
            f"  {http}/metrics   for Prometheus",
            f"  {http}/          a page to look around",
            "",
            "Without redis-cli, `riverwalk query` asks the same. Ctrl-C ends it.",
        )
    )
