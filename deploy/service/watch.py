"""Watch over ingest and the learner: tell servers how their processes are, and see which of them stands still."""

from __future__ import annotations

from pathlib import Path

from deploy.service.child import Child
from stream.health import page
from stream.health.movement import Movement

PAGES = {"ingest": page.HEALTH, "learner": page.LEARNER}  # by role


class Watch:
    """Writes the supervisor's page.

    Args:
        folder: Where the pages lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._page = page.Page(folder / page.SUPERVISION, page.Supervision, write=True)
        self._told = page.Supervision()
        self._movement: dict[str, Movement] = {}
        self._hung: dict[str, str] = {}  # why a process was ended by force

    def clear(self, role: str) -> None:
        """A process is about to be started."""
        if role in PAGES:
            page.clear(self._folder, PAGES[role])

    def started(self, child: Child) -> None:
        """A process was started."""
        if child.role in PAGES:
            assert child.pid is not None
            self._movement[child.role] = Movement(child.pid, self._folder, PAGES[child.role])
            self._tell(child, up=True)

    def ended(self, child: Child, end: str) -> None:
        """A process has ended and is started again."""
        if child.role in PAGES:
            self._tell(child, up=False, error=end)

    def starting(self, text: str) -> None:
        """Tell how far the start of the instance is, empty once all processes are ready."""
        if self._told.starting != text:
            self._told.starting = text
            self._page.write(self._told)

    def why(self, role: str) -> str:
        """Return why a process was ended by force, empty where it was not; asked once."""
        return self._hung.pop(role, "")

    def end_hung(self, children: dict[str, Child], limit_s: float) -> None:
        """End processes that have not moved for so long."""
        for role, movement in list(self._movement.items()):
            if children[role].pid is None:
                continue
            still_s = movement.still_s()
            if still_s > limit_s:
                del self._movement[role]
                self._hung[role] = f"it had not moved for {still_s:.0f} s"
                children[role].kill()

    def _tell(self, child: Child, *, up: bool, error: str | None = None) -> None:
        told = self._told
        if child.role == "learner":
            told.learner = "" if up else page.short(error or "it has ended")
            told.learner_restarts = child.lives - 1
        else:
            told.up, told.restarts, told.since_ms = up, child.lives - 1, page.now_ms()
            told.failures = child.backoff.failures
            told.error = told.error if error is None else page.short(error)
        self._page.write(told)
