"""The page that tells what models reach at equal time: a table, a plot, and the figures as CSV."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from equal_time_models import TITLES, TRAINING

Lines = dict[str, list[dict[str, Any]]]
COLUMNS = ("model", "minutes", "update", "target_tokens", "loss", "bleu", "chrf")


def write_page(lines: Lines, docs: Path) -> None:
    """Write ``equal-time.md``, ``.csv`` and ``.svg`` into ``docs``."""
    _write_csv(lines, docs / "equal-time.csv")
    _draw(lines, docs / "equal-time.svg")
    (docs / "equal-time.md").write_text(_page(lines), "utf-8")


def _write_csv(lines: Lines, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for found in lines.values():
            for line in found:
                rounded = {key: round(line[key], 4) for key in ("loss", "bleu", "chrf")}
                writer.writerow({**line, **rounded})


def _draw(lines: Lines, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    # Without it every drawing of the same figures is another file.
    mpl.rcParams["svg.hashsalt"] = "anuvad"
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for name, found in lines.items():
        minutes = [line["minutes"] for line in found]
        left.plot(minutes, [line["loss"] for line in found], marker="o", ms=3, label=name)
        right.plot(minutes, [line["bleu"] for line in found], marker="o", ms=3, label=name)
    left.set(xlabel="minutes of one core", ylabel="dev loss, nats a target token")
    right.set(xlabel="minutes of one core", ylabel="dev BLEU (intl), greedy")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _page(lines: Lines) -> str:
    minutes = min(found[-1]["minutes"] for found in lines.values())
    marks = sorted(
        {
            line["minutes"]
            for found in lines.values()
            for line in found
            if line["minutes"] <= minutes
        }
    )
    shown = [mark for i, mark in enumerate(marks, 1) if i % max(1, len(marks) // 4) == 0][-4:]
    rows = []
    for name, found in lines.items():
        by_mark = {line["minutes"]: line for line in found}
        last = by_mark[minutes]
        rate = last["target_tokens"] / (minutes * 60)
        cells = [f"{by_mark[m]['loss']:.3f} · {by_mark[m]['bleu']:.1f}" for m in shown]
        rows.append(
            f"| `{name}` | {TITLES[name]} | {last['weights'] / 1e6:.1f} M | {rate:,.0f} | "
            f"{last['update']:,} | " + " | ".join(cells) + " |"
        )
    head = " | ".join(f"{mark:g} min" for mark in shown)
    return f"""# Quality at equal time

What each architecture reaches in the same time of the same cores. Dev loss in nats a target token,
without label smoothing, and dev BLEU (`intl`, greedy) after so many minutes of one core:

| model | what | weights | tokens/s | updates | {head} |
|---|---|---|---|---|{"---|" * len(shown)}
{chr(10).join(rows)}

![dev loss and dev BLEU by the minute](equal-time.svg)

All points are in [equal-time.csv](equal-time.csv). Tokens are real target tokens, each sentence's
end included. The recurrent models have embeddings and states of 512, the encoder's two directions
sharing them. An update has at most {TRAINING["batch_tokens"]:,} tokens of the longer side, padding
included; AdamW at {TRAINING["learning_rate"]:g} after {TRAINING["warmup_updates"]} updates of
warm-up, `{TRAINING["schedule"]}`, label smoothing {TRAINING["label_smoothing"]}, 8,000 pieces a
side, bf16 where the CPU has it.

A minute is one of CPU time on one thread, without validation: 60 of them are what two cores give in
30. This run is {minutes:g} minutes long, and BLEU under 1 is noise. The models take turns on the
cores, so that a slow moment of the machine meets all of them.
`python tests/bench/equal_time.py` writes this page, and goes on where it was stopped.
"""
