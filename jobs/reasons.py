"""What the names mean that the data stages count by, in half a sentence."""

from __future__ import annotations

REASONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "too_many_bytes": ("a side, as it came, has too many bytes", ("clean.filters.max_bytes",)),
    "empty": ("a side has no text", ()),
    "identical": ("both sides are the same text", ("clean.filters.drop_identical",)),
    "too_many_characters": (
        "a side has too many characters",
        ("clean.filters.max_characters",),
    ),
    "too_many_words": ("a side has too many words", ("clean.filters.max_words",)),
    "mojibake": (
        "characters were lost, or read in a wrong encoding",
        ("clean.filters.drop_mojibake",),
    ),
    "markup": (
        "a side is tags, entities, URLs and addresses for the most part",
        ("clean.filters.max_markup_share",),
    ),
    "swapped": (
        "Hindi in the English column, English in the Hindi one",
        ("clean.filters.script_min_letters",),
    ),
    "english_script": (
        "too few letters of the English side are Latin",
        ("clean.filters.min_script_share",),
    ),
    "hindi_script": (
        "too few letters of the Hindi side are Devanagari",
        ("clean.filters.min_script_share",),
    ),
    "unmatched_letters": (
        "one side has letters, the other has none",
        ("clean.filters.max_unmatched_letters",),
    ),
    "length_ratio": (
        "one side has many times the words of the other",
        ("clean.filters.max_length_ratio", "clean.filters.ratio_min_words"),
    ),
    "character_ratio": (
        "one side has many times the characters of the other",
        ("clean.filters.max_character_ratio", "clean.filters.ratio_min_characters"),
    ),
    "repeated_characters": (
        "a letter follows itself again and again",
        ("clean.filters.max_repeated_characters",),
    ),
    "repeated_words": (
        "the same words are said again and again",
        ("clean.filters.max_repeated_words",),
    ),
    "number_mismatch": ("the sides have other numbers", ("clean.filters.drop_number_mismatch",)),
    "wrong_language": (
        "a side is in another language",
        ("clean.filters.min_language_characters", "clean.filters.min_language_confidence"),
    ),
    "leaks_english": (
        "validation or test has this English side",
        ("dedup.leakage", "dedup.leakage_min_words"),
    ),
    "leaks_hindi": (
        "validation or test has this Hindi side",
        ("dedup.leakage", "dedup.leakage_min_words"),
    ),
    "duplicate_pair": ("the same pair stood before", ("dedup.exact_pairs",)),
    "too_many_copies_english": (
        "this English side stood often enough before",
        ("dedup.max_copies_english",),
    ),
    "too_many_copies_hindi": (
        "this Hindi side stood often enough before",
        ("dedup.max_copies_hindi",),
    ),
    "too_many_tokens": (
        "a side became too many tokens",
        ("tensorize.max_source_tokens", "tensorize.max_target_tokens"),
    ),
}
"""Reason → what it says of a pair, and the settings that decide on it."""

RULES: dict[str, str] = {
    "joiners": "zero-width joiners and non-joiners removed",
    "bom": "byte order marks removed",
    "soft_hyphen": "soft hyphens removed",
    "zero_width": "zero-width spaces and other invisible operators removed",
    "bidi": "marks of bidirectional text removed",
    "control": "control characters removed",
    "private_use": "glyphs of some private font removed",
    "nfc": "accents and nuktas in their one canonical spelling",
    "quotes": "curly quotes made straight",
    "digits": "Devanagari digits made ASCII",
    "spaces": "runs of white space made one space, none at the ends",
    "pipe": "a pipe that ends a Hindi sentence made a danda",
    "danda": "spaces before a danda removed, one after it added",
}
"""Rule of normalisation → what it did."""
