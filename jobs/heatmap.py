"""An alignment as a picture: source words across, translated words down, darker where looked at.

Devanagari has to be shaped: a matra that stands before its consonant comes after it in the text,
and conjuncts are one sign. matplotlib draws text through libraqm from 3.11 on; with an older one,
or without a font that has Devanagari, the picture is refused rather than drawn wrong.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pipeline.errors import AnuvadError

if TYPE_CHECKING:
    from model.alignment import Alignment

DEVANAGARI_FONTS = (
    "Noto Sans Devanagari",
    "Noto Serif Devanagari",
    "Lohit Devanagari",
    "Mukta",
    "Kohinoor Devanagari",
    "Nirmala UI",
    "Mangal",
)
"""Families that are looked for, the first one found is taken."""

MAX_WORDS = 100
"""Of a side of a picture: more take gigabytes to draw, and nobody can read them."""

_CELL_INCHES = 0.42
_DPI = 160
# The end of a sentence, which is no word of it.
_END = "⏎"


def draw_heatmap(alignment: Alignment) -> bytes:
    """A PNG of the weights between words.

    Raises:
        AnuvadError: if there are too many words, text can't be shaped here, or no font has
            Devanagari.
    """
    words = max(len(alignment.source), len(alignment.target))
    if words > MAX_WORDS:
        raise AnuvadError(
            f"a picture must have at most {MAX_WORDS} words on a side, but this sentence and its "
            f"translation have up to {words}; explain a part of it, or leave out --output"
        )
    import matplotlib
    from matplotlib.figure import Figure

    families = ["DejaVu Sans", devanagari_font()]
    source, target = ([_label(w) for w in words] for words in (alignment.source, alignment.target))
    size = (1.6 + _CELL_INCHES * len(source), 1.3 + _CELL_INCHES * len(target))
    with matplotlib.rc_context({"font.family": families, "font.size": 11}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        weights = alignment.weights_TS.tolist()
        image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(source)), source, rotation=45, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(len(target)), target)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        _write_weights(axes, weights)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.03)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=8)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()


def devanagari_font() -> str:
    """The family of a font of this machine that has Devanagari.

    Raises:
        AnuvadError: if there is none, or matplotlib does not shape text.
    """
    import matplotlib
    from matplotlib import font_manager, ft2font

    if not hasattr(ft2font, "__libraqm_version__"):
        raise AnuvadError(
            f"a picture of Devanagari needs matplotlib 3.11 or newer, which shapes text, but here "
            f"is {matplotlib.__version__}; `pip install -U matplotlib`"
        )
    known = {font.name for font in font_manager.fontManager.ttflist}
    if not known & set(DEVANAGARI_FONTS):
        # matplotlib remembers what fonts there were when it was first asked.
        for path in font_manager.findSystemFonts():
            if "devanagari" in path.lower():
                font_manager.fontManager.addfont(path)
        known = {font.name for font in font_manager.fontManager.ttflist}
    found = next((family for family in DEVANAGARI_FONTS if family in known), None)
    if found is None:
        raise AnuvadError(
            f"a picture of Devanagari needs a font that has it, such as {DEVANAGARI_FONTS[0]}, but "
            f"this machine has none; `apt-get install fonts-noto-core` brings one on Debian"
        )
    return found


def _label(word: str) -> str:
    # matplotlib takes what stands between dollars for mathematics.
    return _END if word == "</s>" else word.replace("$", r"\$")


def _write_weights(axes: Any, weights: list[list[float]]) -> None:
    """The weights that can be read at a glance, as percentages in their cells."""
    for t, row in enumerate(weights):
        for s, weight in enumerate(row):
            if weight >= 0.1:
                colour = "white" if weight > 0.55 else "#333333"
                axes.text(s, t, f"{weight:.0%}", ha="center", va="center", fontsize=7, color=colour)
