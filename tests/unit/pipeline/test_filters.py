"""Each filter keeps a pair, or drops it for its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs.config import Config, load_config
from pairs import TRAIN, VALIDATION
from pipeline import filters as module
from pipeline.columns import pairs_of
from pipeline.corpus import generated_splits
from pipeline.filters import FilterConfig, build_filters, build_raw_filters, reasons_of
from pipeline.normalize import normalize_column

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def reason_of(english: str, hindi: str, **settings: Any) -> str | None:
    """Why the pair is dropped; None if it stays."""
    filters = build_filters(FilterConfig(**settings))
    return reasons_of(pairs_of([english], [hindi]), filters)[0]


def words(count: int, word: str = "घर") -> str:
    """``count`` words that differ."""
    return " ".join(word + "क" * (i % 7) for i in range(count))


ONLY_LENGTH = {
    "max_repeated_words": None,
    "max_character_ratio": None,
    "min_language_characters": None,
}


@pytest.mark.parametrize("pair", TRAIN + VALIDATION)
def test_a_good_pair_stays(pair: tuple[str, str]) -> None:
    assert reason_of(*pair) is None


def _assert_stays_whole(config: Config) -> None:
    filters = [*build_raw_filters(config.clean.filters), *build_filters(config.clean.filters)]
    for pairs in generated_splits(config.corpus).values():
        sides = [list(side) for side in zip(*pairs, strict=True)]
        assert set(reasons_of(pairs_of(*sides), filters)) == {None}
        counts: Counter[str] = Counter()
        for side in sides:
            normalize_column(pa.array(side), config.clean.normalize, counts)
        assert counts == {}


@pytest.mark.parametrize(
    ("name", "overrides"), [("seed", []), ("phrasebook", ["corpus.phrasebook.train_pairs=1000"])]
)
def test_the_corpora_that_anuvad_ships_stay_as_they_are(name: str, overrides: list[str]) -> None:
    _assert_stays_whole(load_config(str(CONFIGS / f"{name}.yaml"), overrides))


@pytest.mark.slow
def test_the_whole_phrasebook_stays_as_it_is() -> None:
    _assert_stays_whole(load_config(str(CONFIGS / "phrasebook.yaml")))


@pytest.mark.parametrize(("english", "hindi"), [("", "नमस्ते"), ("hello", ""), ("", "")])
def test_an_empty_side_is_dropped_as_empty(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) == "empty"


def test_the_same_text_on_both_sides_is_dropped_as_identical() -> None:
    assert reason_of("GNOME 3.2", "GNOME 3.2") == "identical"
    assert reason_of("3.2", "3.2", drop_identical=False) is None


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_over_the_limit_is_dropped_as_too_many_bytes(side: int) -> None:
    pair = ["house", "घर"]
    pair[side] = "घर" * 10
    for limit, reason in ((60, None), (59, "too_many_bytes")):
        filters = build_raw_filters(FilterConfig(max_bytes=limit))
        assert reasons_of(pairs_of([pair[0]], [pair[1]]), filters) == [reason]
    assert build_raw_filters(FilterConfig(max_bytes=None)) == []


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_over_the_limit_is_dropped_as_too_many_characters(side: int) -> None:
    pair = ["abc", "कखग"]
    assert reason_of(*pair, max_characters=3) is None
    pair[side] += "।"
    assert reason_of(*pair, max_characters=3) == "too_many_characters"
    assert reason_of(*pair, max_characters=None) is None


def test_characters_are_code_points_and_not_bytes() -> None:
    # हिंदी is five code points in fifteen bytes.
    assert reason_of("Hindi", "हिंदी", max_characters=5) is None
    assert reason_of("Hindi", "हिंदी", max_characters=4) == "too_many_characters"


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_over_the_limit_is_dropped_as_too_many_words(side: int) -> None:
    pair = ["the old red house", "लाल पुराना बड़ा घर"]
    assert reason_of(*pair, max_words=4) is None
    pair[side] += " है"
    assert reason_of(*pair, max_words=4) == "too_many_words"
    assert reason_of(*pair, max_words=None) is None


@pytest.mark.parametrize(("english", "hindi"), [(12, 3), (3, 12)])
def test_sides_of_very_different_length_are_dropped_as_length_ratio(
    english: int, hindi: int
) -> None:
    pair = words(english, "house"), words(hindi)
    assert reason_of(*pair, **ONLY_LENGTH, max_length_ratio=4.0) is None
    assert reason_of(*pair, **ONLY_LENGTH, max_length_ratio=3.9) == "length_ratio"
    assert reason_of(*pair, **ONLY_LENGTH, max_length_ratio=None) is None


def test_the_ratio_is_not_asked_of_short_pairs() -> None:
    assert reason_of("Reloading…", "फिर से लोड किया जा रहा है…", ratio_min_words=8) is None
    assert reason_of("Reloading…", "फिर से लोड किया जा रहा है…", ratio_min_words=7) == "length_ratio"


def test_sides_of_very_different_length_are_dropped_as_character_ratio() -> None:
    pair = "Heat is lost through the windows, walls, ceilings and floors.", "गर्मी चली जाती है।"
    assert (len(pair[0]), len(pair[1])) == (61, 18)
    assert reason_of(*pair, max_character_ratio=3.4) is None
    assert reason_of(*pair, max_character_ratio=3.3) == "character_ratio"
    assert reason_of(*pair, max_character_ratio=3.3, ratio_min_characters=62) is None


@pytest.mark.parametrize(
    ("english", "hindi"),
    [("Nina from Carolina", "9"), ("1.", "के धागे का एक टुकड़ा"), (".", "इंडिया गेट के निकट।")],
)
def test_many_letters_against_none_are_dropped_as_unmatched_letters(
    english: str, hindi: str
) -> None:
    assert reason_of(english, hindi) == "unmatched_letters"
    assert reason_of(english, hindi, max_unmatched_letters=None) is None


@pytest.mark.parametrize(("english", "hindi"), [("5th", "5"), ("20", "बीस"), ("31", "इकत्तीस")])
def test_few_letters_against_none_stay(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) is None


def test_sides_in_each_others_place_are_dropped_as_swapped() -> None:
    assert reason_of("वह बाज़ार गया।", "He went to the market.") == "swapped"


@pytest.mark.parametrize(
    "english", ["वह बाज़ार गया", "Он пошёл на рынок.", "彼は市場に行きました。", "هو ذهب إلى السوق"]
)
def test_english_in_another_script_is_dropped_as_english_script(english: str) -> None:
    assert reason_of(english, "वह बाज़ार गया।") == "english_script"
    assert reason_of(english, "वह बाज़ार गया।", min_script_share=None) is None


@pytest.mark.parametrize(
    "hindi", ["vah bazaar gaya", "File not found", "Он пошёл", "তিনি বাজারে গেলেন"]
)
def test_hindi_in_another_script_is_dropped_as_hindi_script(hindi: str) -> None:
    assert reason_of("He went to the market.", hindi) == "hindi_script"


@pytest.mark.parametrize(
    ("english", "hindi"),
    [
        ("hello", "नमस्ते"),
        ("Save as PDF", "PDF में सहेजें"),
        ("Cannot enable <code>{name}</code>", "<code>{name}</code> सक्षम नहीं हो सकता"),
        ("Greek (Ελληνικά)", "ग्रीक (Ελληνικά)"),
        ("32x32", "32 x 32"),
        ("OK", "ठीक"),
    ],
)
def test_names_and_codes_in_another_script_stay(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) is None


@pytest.mark.parametrize("side", [0, 1])
def test_a_letter_over_and_over_is_dropped_as_repeated_characters(side: int) -> None:
    pair = ["The snake hisses.", "साँप फुफकारता है।"]
    pair[side] += " " + "Sस"[side] * 17
    assert reason_of(*pair) == "repeated_characters"
    assert reason_of(*pair, max_repeated_characters=17) is None
    assert reason_of(*pair, max_repeated_characters=None) is None


@pytest.mark.parametrize(
    "noise", ["Ssssssssssssss!", "." * 40, "-" * 40, "0" * 40, "____________________"]
)
def test_a_hiss_and_rows_of_signs_stay(noise: str) -> None:
    assert reason_of(f"He said {noise}", f"उसने कहा {noise}") is None


@pytest.mark.parametrize(
    "phrase",
    ["दवा", "दवा लो", "दवा लो और", "अच्छी दवा लो और", "द"],
    ids=["1", "2", "3", "4", "letter"],
)
def test_the_same_words_over_and_over_are_dropped_as_repeated_words(phrase: str) -> None:
    loose = {"max_length_ratio": None, "max_character_ratio": None}
    english = "The doctor says that he should take the medicine"
    for times, reason in ((5, None), (6, "repeated_words")):
        hindi = "उसने कहा कि " + " ".join([phrase] * times)
        assert reason_of(english, f"{hindi} बस", **loose) == reason
        assert reason_of(english, hindi, **loose) == reason
        assert reason_of(english, " ".join([phrase] * times), **loose) == reason
    assert reason_of(english, hindi, max_repeated_words=None, **loose) is None


@pytest.mark.parametrize(
    ("english", "hindi"),
    [
        ("slowly", "धीरे धीरे"),
        ("Haha haha haha haha!", "हा हा हा हा हा!"),
        ("0 - 0 - 0 - 0 - 0 - 0 - 0 - 0", "0 - 0 - 0 - 0 - 0 - 0 - 0 - 0 अंक"),
        ("- - - - - - - - rain", "- - - - - - - - वर्षा"),
    ],
)
def test_reduplication_laughter_and_tables_stay(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) is None


def test_rows_that_repeat_each_other_are_not_repetition_in_a_row() -> None:
    pairs = pairs_of(["yes"] * 50, ["हाँ"] * 50)
    assert reasons_of(pairs, build_filters(FilterConfig())) == [None] * 50


@pytest.mark.parametrize(
    ("english", "hindi"),
    [
        ("He was born in 1978.", "उनका जन्म 1918 में हुआ।"),
        ("after 1 month", "9 महीने के बाद"),
        ("1793511", "ताइयुआन"),
        ("the code 465247 is valid", "यह कोड मान्य है"),
    ],
)
def test_numbers_that_disagree_are_dropped_as_number_mismatch(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) == "number_mismatch"
    assert reason_of(english, hindi, drop_number_mismatch=False) is None


@pytest.mark.parametrize(
    ("english", "hindi"),
    [
        ("He was born in 1978.", "उनका जन्म १९७८ में हुआ।"),
        ("39,000 passengers", "39 हज़ार यात्री"),
        ("2 million people", "20 लाख लोग"),
        ("50,000 jobs", "50 हज़ार नौकरियाँ"),
        ("Rs. 56, 000", "56000 रुपये"),
        ("3, 07, 713 sq km", "3,07,713 वर्ग कि. मी."),
        ("on the 3rd of June 2004", "तीन जून 2004 को"),
        ("20092010", "2009-2010 में"),
        ("Sections 14, 15", "अनुभाग 1415"),
        ("one of 20", "20 में से 1"),
        ("100000", "लाख"),
        ("20", "बीस"),
        ("in the 2nd century", "दूसरी सदी में डॉ० राम"),
        ("007", "7 नंबर"),
    ],
)
def test_numbers_that_agree_or_may_be_words_stay(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) is None


@pytest.mark.parametrize(
    "markup",
    [
        "https://example.org/a/long/path/to/some/page.html",
        "www.example.org/a/long/path/to/some/page.html",
        "someone.with.a.long.name@example.org",
        "<a href='#' title='$1:User' target='_blank'>",
        "<br><br><br><br><br><br><br><br><br><br>",
        "&applet;&applet;&applet;&applet;&applet;",
    ],
)
def test_a_side_that_is_mostly_markup_is_dropped_as_markup(markup: str) -> None:
    assert reason_of(f"{markup} see", "देखिए") == "markup"
    assert reason_of("see", f"{markup} देखें", max_character_ratio=None) == "markup"
    assert reason_of(f"{markup} see", "देखिए", max_markup_share=None) is None


@pytest.mark.parametrize(
    ("english", "hindi"),
    [
        ("<b>Commands</b>", "<b>आदेश</b>"),
        ("<unknown>", "<अज्ञात>"),
        ("<modifier key>", "<परिवर्धक कुंजी>"),
        ("See www.example.org for more", "अधिक के लिए www.example.org देखें"),
        ("Save & close; then exit", "सहेजें & बंद करें; फिर निकलें"),
        ("$1 {{PLURAL:$1|byte|bytes}}", "$1 {{PLURAL:$1|बाइट|बाइट}}"),
        ("Use <s> and </s> here", "यहाँ <s> और </s> लिखिए"),
        ("a ▁ b", "क ▁ ख"),
    ],
)
def test_text_with_some_markup_stays(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) is None


@pytest.mark.parametrize(
    ("english", "hindi"),
    [
        ("the caf\ufffd", "वह कैफ़े"),
        ("the café".encode().decode("latin-1"), "वह कैफ़े"),
        ("the “old” fort".encode().decode("cp1252", "replace"), "पुराना क़िला"),
        ("his house", "उसका घर".encode().decode("latin-1")),
        ("his house", "???? ?? ?? है"),
        ("God's book", "Âुदा की किताब"),
        ("the clay", "मिट्टïी"),
        ("from Egypt", "मिò से"),
    ],
)
def test_text_in_a_wrong_encoding_is_dropped_as_mojibake(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) == "mojibake"
    assert reason_of(english, hindi, drop_mojibake=False, min_script_share=None) is None


@pytest.mark.parametrize(
    ("english", "hindi"),
    [
        ("São Paulo is in Brazil.", "São Paulo ब्राज़ील में है।"),
        ("What??? Really??", "क्या??? सच??"),
        ("SÃO, Árpád, À la carte", "साओ, आर्पाद, आ ला कार्ट"),
        ("The café opens at 9.", "कैफ़े 9 बजे खुलता है। é"),
    ],
)
def test_accents_and_question_marks_stay(english: str, hindi: str) -> None:
    assert reason_of(english, hindi) is None


FRENCH = "Le vieux château se trouve au bord d'une rivière, près du marché aux fleurs."
MARATHI = "आमच्या गावात खूप जुना किल्ला आहे आणि त्याच्या जवळच एक मोठी नदी वाहते."


def test_another_language_is_dropped_as_wrong_language() -> None:
    english = "The old castle stands on the bank of a river near the flower market."
    hindi = "पुराना क़िला नदी के किनारे फूलों के बाज़ार के पास खड़ा है और बहुत बड़ा है।"
    assert reason_of(english, hindi) is None
    assert reason_of(FRENCH, hindi) == "wrong_language"
    assert reason_of(english, MARATHI) == "wrong_language"
    assert reason_of(FRENCH, MARATHI, min_language_characters=None) is None
    assert reason_of(FRENCH, hindi, min_language_characters=100) is None


def test_the_identifier_is_not_asked_of_short_texts_or_of_those_a_word_vouches_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def language_of(text: str) -> tuple[str, float]:
        asked.append(text)
        return "xx", 1.0

    monkeypatch.setattr(module, "language_of", language_of)
    long = "Configure network adapters automatically while starting computers"
    assert reason_of("Close", "बंद करें") is None
    assert reason_of("Close the " + "narrow window " * 4, "वह " + "छोटी खिड़की " * 5) is None
    assert asked == []
    assert reason_of(long, "नेटवर्क अडैप्टर विन्यस्त करना") == "wrong_language"
    assert asked == [long]


def test_the_first_reason_is_the_one_that_counts() -> None:
    assert reason_of("", "") == "empty"
    assert reason_of("abcd", "abcd", max_characters=3) == "identical"


def test_a_filter_without_threshold_does_not_run() -> None:
    off: dict[str, Any] = {
        "max_bytes": None,
        "max_words": None,
        "max_characters": None,
        "max_length_ratio": None,
        "max_character_ratio": None,
        "max_unmatched_letters": None,
        "min_script_share": None,
        "max_repeated_characters": None,
        "max_repeated_words": None,
        "max_markup_share": None,
        "min_language_characters": None,
        "drop_identical": False,
        "drop_number_mismatch": False,
        "drop_mojibake": False,
    }
    config = FilterConfig(**off)
    assert [f.reason for f in build_filters(config)] == ["empty"]
    assert build_raw_filters(config) == []


def test_reasons_are_unique() -> None:
    config = FilterConfig()
    reasons: Sequence[str] = [
        f.reason for f in (*build_raw_filters(config), *build_filters(config))
    ]
    assert len(set(reasons)) == len(reasons) == 17


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in FilterConfig.model_fields.values())


@pytest.mark.parametrize(
    "settings",
    [
        {"max_bytes": 0},
        {"max_words": 0},
        {"max_length_ratio": 1.0},
        {"ratio_min_words": 0},
        {"min_script_share": 0},
        {"min_script_share": 1.5},
        {"max_repeated_words": 1},
        {"max_markup_share": 0},
        {"min_language_confidence": 0},
        {"max_swapped_share": 0},
    ],
)
def test_a_threshold_that_drops_everything_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FilterConfig(**settings)


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_letters"):
        FilterConfig(max_letters=3)  # type: ignore[call-arg]


TEXTS = st.lists(
    st.sampled_from(
        ["घर", "दवा", "house", "5", "1793511", "<b>", "https://a.b/c", "a" * 20, "Â", "\ufffd", "▁"]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    max_size=12,
).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=8))
def test_a_pair_is_judged_by_itself_whatever_stands_beside_it(
    pairs: list[tuple[str, str]],
) -> None:
    filters = build_filters(FilterConfig(min_language_characters=None))
    english, hindi = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    alone = [reasons_of(pairs_of([en], [hi]), filters)[0] for en, hi in pairs]
    assert reasons_of(pairs_of(english, hindi), filters) == alone


@pytest.mark.realdata
def test_of_the_reference_sets_only_what_is_wrong_is_dropped(real_data: Path) -> None:
    filters = build_filters(FilterConfig())
    seen = []
    for split in ("validation", "test"):
        table = pq.read_table(real_data / "data" / f"{split}-00000-of-00001.parquet")
        pairs = table.column("translation").to_pylist()
        both = pairs_of([p["en"] for p in pairs], [p["hi"] for p in pairs])
        seen.append([reason for reason in reasons_of(both, filters) if reason])
    # A month that became nine months, and a remnant of a legacy font; a sector 21 that was
    # sector 2, and a year whose digits changed places.
    assert [sorted(reasons) for reasons in seen] == [
        ["mojibake", "number_mismatch"],
        ["number_mismatch", "number_mismatch"],
    ]
