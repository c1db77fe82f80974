"""Draws what `sluice-bench` measured: FOLDER/*.json to FOLDER/*.svg.

Usage: plot.py FOLDER
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter

# Each can be read on white and on black.
TEXT = "#818b98"
OURS = "#e8740c"
PEER = "#5b8fc7"
LIMIT = "#9aa3ad"
COLOURS = {"ours": OURS, "peer": PEER, "limit": LIMIT}

BAR_INCHES = 0.2

matplotlib.rcParams.update(
    {
        # Text stays text, and names in the file do not change from run to run.
        "svg.fonttype": "none",
        "svg.hashsalt": "sluice",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 8.5,
        "text.color": TEXT,
        "axes.labelcolor": TEXT,
        "axes.edgecolor": TEXT,
        "xtick.color": TEXT,
        "ytick.color": TEXT,
        "axes.linewidth": 0.6,
    }
)


def read(folder, part):
    path = folder / f"{part}.json"
    return json.loads(path.read_text()) if path.exists() else None


def digits(value):
    """Three that count."""
    text = f"{value:.3g}"
    return f"{value:,.0f}".replace(",", " ") if "e" in text else text


class Panel:
    """One group of bars: (title, role, median, least, most), the best on top."""

    def __init__(self, heading, results, more_is_better=True):
        self.heading = heading
        self.results = sorted(results, key=lambda result: result["median"], reverse=more_is_better)


def draw(path, title, panels, footer, logarithmic=True, unit="", is_shared=True):
    """Panels share their scale if their figures have one unit."""
    panels = [panel for panel in panels if panel.results]
    if not panels:
        return
    bars = [len(panel.results) for panel in panels]
    height = sum(bars) * BAR_INCHES + len(panels) * 0.5 + 0.5
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(7.2, height), squeeze=False, gridspec_kw={"height_ratios": [n + 0.8 for n in bars]}
    )
    for axis, panel in zip(axes[:, 0], panels):
        draw_panel(axis, panel, unit)
        scaled = panels if is_shared else [panel]
        scale(axis, [result for each in scaled for result in each.results], logarithmic)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    figure.text(0.01, 0.06 / height, footer, fontsize=7, ha="left")
    figure.tight_layout(rect=(0, 0.2 / height, 1, 1), h_pad=0.6)
    # Without date and version, the file changes only where the figures do.
    figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    # It ends lines with blanks.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def draw_panel(axis, panel, unit):
    results = panel.results
    places = range(len(results))
    medians = [result["median"] for result in results]
    whiskers = [
        [max(0, result["median"] - result["least"]) for result in results],
        [max(0, result["most"] - result["median"]) for result in results],
    ]
    axis.barh(
        places,
        medians,
        height=0.68,
        color=[COLOURS[result["role"]] for result in results],
        xerr=whiskers,
        error_kw={"ecolor": TEXT, "elinewidth": 0.9, "capsize": 2},
    )
    axis.set_yticks(places, [result["title"] for result in results])
    for label, result in zip(axis.get_yticklabels(), results):
        if result["role"] == "ours":
            label.set_color(OURS)
            label.set_fontweight("bold")
    axis.invert_yaxis()
    axis.set_title(panel.heading, loc="left", fontsize=8.5)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=7, length=2)
    for place, result in zip(places, results):
        axis.annotate(
            digits(result["median"]) + unit,
            (max(result["most"], result["median"]), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )


def scale(axis, results, logarithmic):
    most = max(max(result["most"], result["median"]) for result in results)
    least = min(min(result["least"], result["median"]) for result in results)
    # Room for the figure behind the longest bar.
    if logarithmic:
        axis.set_xscale("log")
        axis.set_xlim(10 ** (magnitude(least) - 0.35), most * (most / least) ** 0.12 * 1.4)
    else:
        axis.set_xlim(0, most * 1.12)
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: digits(value)))


def magnitude(value):
    return len(str(int(value))) - 1 if value >= 1 else -len(str(int(1 / value)))


def rows(report, part):
    """The results of each row, by its name."""
    return {row["row"]["name"]: row for row in report[part]["rows"]}


def pipeline_rows(report):
    return {row["figures"]["row"]["name"]: row["figures"] for row in report["pipelines"]["rows"]}


def machine(report):
    machine = report["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['kernel']}; median, least and most of the rounds"


def plot_pass_through(folder, report):
    found = pipeline_rows(report)
    names = {
        "pass-through, throttle 1024": "1 worker",
        "pass-through, 4 workers": "4 workers",
        "pass-through, 20 workers": "20 workers",
    }
    panels = [Panel(text, found[name]["results"]) for name, text in names.items() if name in found]
    draw(
        folder / "pipelines-pass-through.svg",
        "source → +1 → sum, M items/s (logarithmic)",
        panels,
        machine(report),
    )


def plot_grain(folder, report):
    found = pipeline_rows(report)
    panels = []
    for grain in ("100 ns", "1 µs", "10 µs"):
        results = found.get(f"{grain}, 2 workers", {}).get("results", [])
        limits = [result["median"] for result in results if result["role"] == "limit"]
        if not limits:
            continue
        shares = [
            dict(result, **{key: 100 * result[key] / limits[0] for key in ("median", "least", "most")})
            for result in results
            if result["role"] != "limit"
        ]
        panels.append(Panel(f"{grain} of work an item", shares))
    draw(
        folder / "pipelines-grain.svg",
        "2 workers, % of two perfect loops",
        panels,
        machine(report),
        logarithmic=False,
        unit=" %",
    )


def plot_queues(folder, report):
    panels = []
    for row in report["queues"]["rows"]:
        shape = row["row"]
        if shape["kind"] != "MPMC" or shape["batch"] != 1:
            continue
        heading = f"{shape['producers']} producer(s), {shape['consumers']} consumer(s)"
        panels.append(Panel(heading, best_of_each_library(row["results"])))
    draw(
        folder / "queues-mpmc.svg",
        "Bounded queues for many and many, M elements/s (logarithmic)",
        panels,
        machine(report) + "; of each library its quickest",
    )


def best_of_each_library(results):
    """Results have the best first; a peer's title begins with its library."""
    chosen, seen = [], set()
    for result in (result["figures"] for result in results if result["bounded"]):
        library = result["title"] if result["role"] == "ours" else result["title"].split(" ")[0]
        if library not in seen:
            seen.add(library)
            chosen.append(result)
    return chosen


def plot_processes(folder, report):
    found = rows(report, "processes")
    panels = []
    for name in ("8-byte items", "1 KiB arrays", "round trip", "hand-over, 1 MiB", "start"):
        if name not in found:
            continue
        row = found[name]
        more = row["unit"].endswith("/s")
        heading = f"{name}, {row['unit']}: {'more' if more else 'less'} is better"
        panels.append(Panel(heading, row["results"], more_is_better=more))
    draw(
        folder / "processes.svg",
        "There and back through worker processes (logarithmic)",
        panels,
        machine(report),
        is_shared=False,
    )


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: plot.py FOLDER")
    folder = pathlib.Path(sys.argv[1])
    plots = {
        "pipelines": [plot_pass_through, plot_grain],
        "queues": [plot_queues],
        "processes": [plot_processes],
    }
    for part, functions in plots.items():
        report = read(folder, part)
        for function in functions if report else []:
            function(folder, report)


if __name__ == "__main__":
    main()
