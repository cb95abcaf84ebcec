"""What holds over the whole generated corpus, checked without the grammar that made it."""

import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest
from pydantic import ValidationError

from pipeline import phrasebook
from pipeline.phrasebook import PhrasebookConfig, constructions, generate
from pipeline.phrasebook.lexicon import NOUNS, VERBS
from pipeline.phrasebook.splits import tokens

SMALL = PhrasebookConfig(train_pairs=600, validation_pairs=20, test_pairs=40, hard_pairs=20)
FEMALE = "सीता|मीरा|राधा|प्रिया|अनीता|फ़ातिमा"
MALE = "राम|मोहन|रवि|अमित|अर्जुन|सलीम"
HONOURED = "शर्मा जी|वर्मा जी|श्रीमती गुप्ता|श्रीमती सिंह|मेरे पिताजी|मेरी माँ|मेरे दादाजी|अध्यापक"
CASE = "ने|को|का|के|की|से|पर|में"
ERGATIVE = re.compile(r"(^| )(ने|मैंने|हमने|आपने|उसने|उन्होंने|किसने)( |$)")
IMPERFECT = re.compile(r"(ता|ते|ती) (है|हैं|हूँ|था|थे|थी|थीं)[।?]|रह[ाेी] |(?<!रँ)(गा|गे|गी)[।?]$")
VERBAL = re.compile(r"^(present|progressive|past|used|future|perfect|already|started|can|want)")


@pytest.fixture(scope="module")
def corpus():
    return generate(PhrasebookConfig())


@pytest.fixture(scope="module")
def pairs(corpus):
    return [pair for split in corpus.values() for pair in split]


def simple(pairs):
    """Sentences of one clause around a full verb."""
    return [pair for pair in pairs if VERBAL.match(pair.construction)]


def digest(config):
    text = repr(generate(config))
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_splits_have_the_sizes_asked_for(corpus):
    sizes = {name: len(split) for name, split in corpus.items()}
    assert sizes == {"train": 30_000, "validation": 500, "test": 1_000, "hard": 500}


def test_every_construction_is_trained(corpus):
    assert {pair.construction for pair in corpus["train"]} == {
        construction.name for construction in constructions()
    }


def test_an_english_sentence_comes_once(pairs):
    assert [
        english for english, count in Counter(p.english for p in pairs).items() if count > 1
    ] == []


def test_no_evaluated_sentence_is_trained_in_either_language(corpus):
    english = {pair.english for pair in corpus["train"]}
    hindi = {pair.hindi for pair in corpus["train"]}
    for name in ("validation", "test", "hard"):
        assert not english & {pair.english for pair in corpus[name]}
        assert not hindi & {pair.hindi for pair in corpus[name]}


@pytest.mark.parametrize("split", ["validation", "test", "hard"])
def test_every_evaluated_word_is_trained_several_times(corpus, split):
    seen = Counter()
    for pair in corpus["train"]:
        seen.update(tokens(pair.english) + tokens(pair.hindi))
        seen.update(pair.words)
    for pair in corpus[split]:
        for word in (*tokens(pair.english), *tokens(pair.hindi), *pair.words):
            assert seen[word] >= 5, (word, pair)


def test_a_hard_sentence_combines_what_was_never_combined(corpus):
    combined = {
        (word, pair.construction)
        for name in ("train", "validation", "test")
        for pair in corpus[name]
        for word in pair.words
    }
    for pair in corpus["hard"]:
        assert any((word, pair.construction) not in combined for word in pair.words), pair


def test_the_hard_split_covers_many_constructions(corpus):
    assert len({pair.construction for pair in corpus["hard"]}) > 100


def test_the_lexicon_is_a_few_hundred_words_and_all_of_them_are_trained(corpus):
    words = {word for pair in corpus["train"] for word in pair.words}
    content = {
        word for word in words if word.split(":")[0] in {"noun", "verb", "adjective", "place"}
    }
    assert len(content) > 350
    assert {noun.key for noun in NOUNS.values()} - words == set()


def test_the_text_is_composed_and_clean(pairs):
    for pair in pairs:
        for text in (pair.english, pair.hindi):
            assert text == unicodedata.normalize("NFC", text)
            assert "  " not in text
            assert text == text.strip()
        assert re.fullmatch(r"[A-Z0-9][A-Za-z0-9 ,.'’]*[.?]", pair.english), pair
        assert re.fullmatch(r"[ऀ-ॣ०-९0-9 ,-]+[।?]", pair.hindi), pair
        assert pair.english.endswith("?") == pair.hindi.endswith("?"), pair


def test_questions_open_with_kya_exactly_when_they_ask_yes_or_no(pairs):
    for pair in pairs:
        if pair.english.endswith("?"):
            asks_what = re.match(r"(What|Who|Whose|Which|Where|When|Why|How) ", pair.english)
            assert pair.hindi.startswith("क्या ") == (asks_what is None), pair


def test_what_is_denied_in_one_language_is_denied_in_the_other(pairs):
    for pair in pairs:
        english = re.search(r"\b([Nn]ot|cannot|never|no)\b", pair.english) is not None
        hindi = re.search(r"(^| )(नहीं|मत|न) ", f"{pair.hindi[:-1]} ") is not None
        assert english == hindi, pair


def test_a_command_is_never_denied_with_nahin(pairs):
    commands = [p for p in pairs if p.construction.startswith(("command", "request", "called"))]
    assert len(commands) > 500
    for pair in commands:
        assert "नहीं" not in pair.hindi, pair
        if "lease" in pair.english:
            assert "कृपया" in pair.hindi, pair
            assert re.search(r"(िए|इए|जिए)।$", pair.hindi), pair
        else:
            assert re.search(r"(ो|ओ)।$", pair.hindi), pair


def test_ne_stands_only_before_a_perfective(pairs):
    found = [pair for pair in simple(pairs) if ERGATIVE.search(pair.hindi)]
    assert len(found) > 1_000
    for pair in found:
        assert not IMPERFECT.search(pair.hindi), pair


def test_an_intransitive_takes_no_ne(pairs):
    intransitive = {verb.key for verb in VERBS.values() if not verb.ergative}
    for pair in simple(pairs):
        if intransitive & set(pair.words):
            assert not ERGATIVE.search(pair.hindi), pair


def subject(names):
    return re.compile(rf"^(क्या )?({names}) (?!({CASE}) )")


def test_a_woman_s_verb_is_feminine_and_a_man_s_masculine(pairs):
    masculine = re.compile(r"(ता|ते|रहा|रहे|चुका|चुके)( (है|हैं|था|थे))?[।?]$|(गा|गे)[।?]$")
    feminine = re.compile(r"(ती|तीं|रही|चुकी)( (है|हैं|थी|थीं))?[।?]$|गी[।?]$")
    women = [pair for pair in simple(pairs) if subject(FEMALE).match(pair.hindi)]
    men = [pair for pair in simple(pairs) if subject(MALE).match(pair.hindi)]
    assert min(len(women), len(men)) > 500
    for pair in women:
        assert not masculine.search(pair.hindi), pair
    for pair in men:
        assert not feminine.search(pair.hindi), pair


def test_the_honoured_agree_as_plurals(pairs):
    found = [pair for pair in simple(pairs) if subject(HONOURED).match(pair.hindi)]
    assert len(found) > 500
    for pair in found:
        assert not re.search(r" (है|था|थी)[।?]$|(ेगा|ेगी|एगा|एगी)[।?]$", pair.hindi), pair


def test_first_persons_have_their_own_auxiliary(pairs):
    for pair in simple(pairs):
        if re.match(r"(क्या )?मैं ", pair.hindi):
            assert not re.search(r" (है|हैं)[।?]$", pair.hindi), pair
        else:
            assert not pair.hindi.endswith(("हूँ।", "हूँ?")), pair


ENDINGS = {
    ("m", False): r"(ा|या)",
    ("m", True): r"(े|ए)",
    ("f", False): r"(ी|ई)",
    ("f", True): r"(ीं|ईं)",
}


def test_a_perfective_agrees_with_the_thing_before_it(pairs):
    forms = {}
    for noun in NOUNS.values():
        declined = noun.forms
        for form, plural in ((declined.singular, False), (declined.plural, True)):
            normal = unicodedata.normalize("NFC", form)
            forms.setdefault(normal, set()).add((noun.gender, plural))
    plain = {
        verb.key for verb in VERBS.values() if verb.ergative and not verb.nominal and not verb.link
    }
    checked = 0
    for pair in pairs:
        if not re.match(r"past, things\??$", pair.construction) or not plain & set(pair.words):
            continue
        *_, noun, verb = pair.hindi[:-1].split()
        if noun not in forms or not ERGATIVE.search(pair.hindi):
            continue
        checked += 1
        assert any(re.search(f"{ENDINGS[found]}$", verb) for found in forms[noun]), pair
        if forms[noun] == {("f", True)}:
            assert verb.endswith("ं"), pair
    assert checked > 200


def test_demonstratives_are_oblique_before_postpositions(pairs):
    for pair in simple(pairs):
        assert not re.search(rf"(^| )(यह|ये) [^ ]+ ({CASE}) ", pair.hindi), pair


def test_possessives_and_adjectives_are_oblique_before_postpositions(pairs):
    marked = r"(मेरा|आपका|उसका|हमारा|उनका|अपना|बड़ा|छोटा|नया|पुराना|अच्छा)"
    marked = unicodedata.normalize("NFC", marked)
    for pair in pairs:
        assert not re.search(rf"(^| ){marked} [^ ]+ (ने|को|से|पर|में) ", pair.hindi), pair


def test_one_s_own_thing_is_apna(pairs):
    """I … my, we … our and you … your in one clause are always अपना."""
    for pair in simple(pairs):
        for who, whose, forbidden in (
            ("I", "my", r"मेर[ाेी]"),
            ("we", "our", r"हमार[ाेी]"),
            ("you", "your", r"आपक[ाेी]"),
        ):
            if (
                re.match(rf"(\w+ )?{who} ", pair.english, re.IGNORECASE)
                and f" {whose} " in pair.english
            ):
                assert re.search(r"(^| )अपन[ाेी] ", pair.hindi), pair
                assert not re.search(rf"(^| ){forbidden} ", pair.hindi), pair


@pytest.mark.integration
def test_the_same_seed_gives_the_same_corpus_in_another_process():
    code = (
        "import hashlib; from pipeline.phrasebook import PhrasebookConfig, generate;"
        f"config = PhrasebookConfig(**{SMALL.model_dump()!r});"
        "print(hashlib.sha256(repr(generate(config)).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == digest(SMALL)


def test_another_seed_gives_another_corpus():
    assert digest(SMALL) != digest(SMALL.model_copy(update={"seed": 2}))


def test_asking_for_more_than_there_is_names_the_maximum():
    with pytest.raises(ValueError, match=r"train_pairs must be at most \d+, .* but it is 10{9}\."):
        generate(PhrasebookConfig(train_pairs=10**9))


def test_unknown_and_negative_settings_are_refused():
    with pytest.raises(ValidationError):
        PhrasebookConfig(test_pairs=0)
    with pytest.raises(ValidationError):
        PhrasebookConfig(pairs=7)


def test_a_construction_numbers_its_sentences_without_repeating_one():
    for construction in constructions():
        if construction.size <= 700:
            english = {construction.pair(index).english for index in range(construction.size)}
            assert len(english) == construction.size, construction.name


def test_a_construction_refuses_a_number_that_it_does_not_have():
    clock = next(item for item in constructions() if item.name == "clock")
    with pytest.raises(ValueError, match="has sentences 0 to 27, but not 28"):
        clock.pair(28)


def test_the_documentation_states_how_many_pairs_there_are():
    total = sum(construction.size for construction in constructions())
    assert total > 60_000
    assert f"{total:,} sentence pairs" in phrasebook.__doc__
