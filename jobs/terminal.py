"""Text that a person reads on a terminal, which control characters could move, colour or rename.

A corpus or a model can say anything, also the escape sequences that clear a screen. Files and pipes
get what was said as it is.
"""

from __future__ import annotations

# C0 but for tab and newline, DEL and C1 (ECMA-48); a terminal takes U+009B for Escape and "[".
_CONTROLS = {code: f"⟨U+{code:04X}⟩" for code in (*range(0x20), *range(0x7F, 0xA0))}
del _CONTROLS[ord("\t")], _CONTROLS[ord("\n")]


def harmless(text: str) -> str:
    """The text with every control character written out, ``⟨U+001B⟩``; joiners stay joiners."""
    return text.translate(_CONTROLS)
