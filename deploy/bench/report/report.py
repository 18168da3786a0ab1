"""One report of what this machine does: speed, memory and request time, and peers measured in the same run.

A part that cannot be measured, because a program is missing or an instance ended, is left out and named with the reason.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from deploy import kafka
from deploy.bench import learning, throughput
from deploy.bench.report import machine, page, picture, size
from deploy.bench.report.plan import Plan
from deploy.bench.serving import latency
from deploy.chart import figure
from deploy.config.schema import BadConfig, Config
from deploy.service.supervisor import BadService
from deploy.terminal.progress import Bars

Figures = dict[str, Any]
FOLDER: Final = "bench-report"


def run(config: Config, plan: Plan, folder: str = "") -> Figures:
    """Measure all parts of a plan; write `report.md`, `report.png` and `figures.json` into the folder.

    Raises:
        BadConfig: The folder cannot be written, or matplotlib is not installed.
    """
    place = Path(folder or FOLDER)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BadConfig(f"--report {place}: {exc.strerror}; name another folder") from exc
    figure.check(str(place / "report.png"))
    minutes, parts = plan.minutes(), _parts(config, plan)
    figures: Figures = {
        "machine": machine.machine(config),
        "load_before": machine.load(),
        "left_out": {},
        "seconds_by_part": {},
    }
    begin = time.perf_counter()
    with Bars() as bars:
        bars.say(f"about {sum(minutes.values()):.1f} minutes on two idle cores, one part after the other:")
        for name, estimate in minutes.items():
            bars.say(f"  {name:<16} {estimate:5.1f} min")
        step, done = bars.watch("bench all"), 0.0
        for name, estimate in minutes.items():
            bars.say(f"{name} …")
            part = time.perf_counter()
            step(round(60 * done), round(60 * sum(minutes.values())))
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    figures |= parts[name]()
            except (BadConfig, BadService) as exc:  # the other parts stand by themselves
                figures["left_out"][name] = str(exc)
                bars.say(f"{name} is left out: {exc}")
            figures["seconds_by_part"][name] = round(time.perf_counter() - part, 1)
            done += estimate
    figures |= {"load_after": machine.load(), "seconds": round(time.perf_counter() - begin, 1)}
    (place / "figures.json").write_text(json.dumps(figures, indent=1, default=str) + "\n")
    (place / "report.md").write_text(page.page(figures))
    figure.save(picture.draw(figures), str(place / "report.png"))
    print(f"report: {place / 'report.md'}", file=sys.stderr)
    return figures


def _parts(config: Config, plan: Plan) -> dict[str, Callable[[], Figures]]:
    """Return what measures each part of a plan, by its name there."""
    return {
        "backlog": lambda: {"backlog": _backlog(config, plan.backlog)},
        "learning": lambda: {"learning": learning.learn(config)},
        "readers": lambda: {"readers": latency.serve(config, plan.served, beside=False)},
        "bytes": lambda: {"bytes": size.weight(config, plan)},
        "users and items": lambda: size.tables(config, plan),
        "history and k": lambda: size.requests(config, plan),
    }


def _backlog(config: Config, count: int) -> Figures:
    """Measure a backlog in a real Kafka, or in the log of the state folder where none can be started."""
    if config.kafka.address or not kafka.missing():
        return throughput.ingest(config, count)
    return throughput.embedded(config, count)
