"""The three tasks on a record's bytes, and the clock: for programs that have nothing of the hub."""

import json
import os
import sys
import time

import orjson

FAN_OUT = 5


def filter_map(value: bytes) -> dict[str, object] | None:
    """What the route of the benchmark does: the new payload as an object, or None where the event is filtered."""
    data = orjson.loads(value)
    if data["ref"] != "refs/heads/main" or data["deleted"]:
        return None
    return {
        "repository": data["repository"]["full_name"],
        "who": data["pusher"]["name"],
        "ref": data["ref"],
        "message": data["head_commit"]["message"],
        "commits": len(data["commits"]),
        "size": "large" if data["size"] > 20 else "small",
    }


class Clock:
    """Counts from the first record that is taken in to the last; then prints the figures and ends the process."""

    def __init__(self, events: int) -> None:
        self.events = events
        self.count = 0
        self._began: tuple[float, float] = (0.0, 0.0)

    def take(self, records: int = 1) -> None:
        """A record came in, before anything is done with it."""
        if not self.count:
            self._began = time.process_time(), time.perf_counter()
        self.count += records

    @property
    def done(self) -> bool:
        """Whether all have come."""
        return self.count >= self.events

    def finish(self) -> None:
        """Prints and ends: what these frameworks do when they stop isn't measured, and some wait for long."""
        cpu, wall = time.process_time() - self._began[0], time.perf_counter() - self._began[1]
        figures = {"cpu_s_per_million": cpu / self.events * 1e6, "events_per_s": self.events / wall}
        os.write(1, f"\n{json.dumps(figures)}\n".encode())  # Faust has taken sys.stdout for its log
        os._exit(0)


def arguments() -> tuple[str, str, str, list[str], int]:
    """Task, bootstrap server, input topic, output topics, number of events."""
    task, bootstrap, source, targets, events = sys.argv[1:6]
    return task, bootstrap, source, targets.split(","), int(events)
