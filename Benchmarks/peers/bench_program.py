"""What the programs in Python have in common, whatever they measure: a twin of bench_program.hpp."""

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Callable

MOST_SECONDS = 120


@dataclass
class Settings:
    """What a run is to do: an option for each field, of those in a subclass too, with its default."""

    variant: str = ""
    measure: str = "stream"
    items: int = 10_000


@dataclass
class Outcome:
    seconds: float = 0.0
    ok: bool = True
    times: list = field(default_factory=list)


@dataclass
class Variant:
    name: str
    measures: list
    run: Callable
    # More that `--list` says.
    more: dict = field(default_factory=dict)


def time_calls(items, pause_microseconds, call):
    """`call(number)`, for the numbers from 1 on, says whether its result was right."""
    outcome = Outcome()
    for number in range(1, items + 1):
        if pause_microseconds > 0:
            time.sleep(pause_microseconds / 1e6)
        started = time.monotonic_ns()
        ok = call(number)
        outcome.times.append(time.monotonic_ns() - started)
        outcome.ok = outcome.ok and ok
    return outcome


def run_program(variants, settings_type, check=lambda variant, settings: None):
    """`check` gives what a variant cannot do, or nothing."""
    if sys.argv[1:] == ["--list"]:
        for variant in variants:
            print(json.dumps({"name": variant.name, "measures": variant.measures, **variant.more}))
        return
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for option in fields(settings_type):
        parser.add_argument("--" + option.name, type=option.type, default=option.default)
    settings = settings_type(**vars(parser.parse_args()))
    settings.variant = settings.variant or variants[0].name
    found = [v for v in variants if v.name == settings.variant and settings.measure in v.measures]
    if not found:
        parser.error(f"no variant '{settings.variant}' with '{settings.measure}'; --list tells them")
    if refusal := check(found[0], settings):
        parser.error(refusal)
    # Who started this may be gone by the time that something hangs.
    signal.alarm(MOST_SECONDS)
    outcome = found[0].run(settings)
    answer = {"name": settings.variant, **asdict(settings), **asdict(outcome)}
    del answer["variant"]
    print(json.dumps(answer), flush=True)
    # Some packages leave threads and children that would be waited for.
    os._exit(0 if outcome.ok else 1)
