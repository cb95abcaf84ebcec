"""SentencePiece models: their special ids, what survives them, and what can't be trained."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentencepiece
from pydantic import ValidationError

from pairs import TRAIN, VALIDATION
from pipeline.errors import ArtifactError, CorpusError
from pipeline.tokenizer import (
    BOS_ID,
    EOS_ID,
    PAD_ID,
    UNK_ID,
    Tokenizer,
    TokenizerConfig,
    draw,
    drawn_sentences,
    train_tokenizer,
)

HINDI = [hindi for _, hindi in TRAIN]


def train(
    folder: Path, sentences: list[str] = HINDI, vocab_size: int = 330, **settings: Any
) -> Path:
    """A model trained on the sentences; bytes are 256 of its pieces."""
    out = folder / "hi.model"
    config = TokenizerConfig(vocab_size=vocab_size, **settings)
    train_tokenizer(sentences, config, out, "hi")
    return out


@pytest.fixture(scope="module")
def hindi(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer of the Hindi sentences, which spells the unknown in bytes."""
    return Tokenizer.load(train(tmp_path_factory.mktemp("hi")))


def test_special_ids_are_0_to_3(hindi: Tokenizer, tmp_path: Path) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(train(tmp_path)))
    pieces = [model.IdToPiece(i) for i in range(4)]
    assert (PAD_ID, UNK_ID, BOS_ID, EOS_ID) == (0, 1, 2, 3)
    assert pieces == ["<pad>", "<unk>", "<s>", "</s>"]
    assert len(hindi) == 330


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_the_same_text_and_settings_give_the_same_bytes(tmp_path: Path, model_type: str) -> None:
    first = train(tmp_path, model_type=model_type).read_bytes()
    assert train(tmp_path, model_type=model_type).read_bytes() == first


def test_other_text_gives_another_model(tmp_path: Path) -> None:
    assert train(tmp_path, HINDI[:-1]).read_bytes() != train(tmp_path).read_bytes()


def test_training_says_how_much_it_read_and_made(tmp_path: Path) -> None:
    counts = train_tokenizer(
        iter(HINDI), TokenizerConfig(vocab_size=330), tmp_path / "hi.model", "hi"
    )
    assert counts == {"sentences": 20, "pieces": 330}


@pytest.mark.parametrize("sentence", [hindi for _, hindi in TRAIN + VALIDATION])
def test_hindi_survives_encoding_and_decoding(hindi: Tokenizer, sentence: str) -> None:
    [ids] = hindi.encode([sentence])
    assert hindi.decode([ids]) == [sentence]
    assert all(EOS_ID < i < len(hindi) for i in ids)


@pytest.mark.parametrize(
    "text",
    [
        "<s> नमस्ते </s>",
        "<pad>",
        "<unk>",
        "<0x41>",
        "Zürich 東京 🙂",
        "क्\u200dष क्\u200cष",
        "98१२",
        "दुःख",
        "⁇",
        "उसने <s> लिखा, फिर </s>",
    ],
)
def test_text_that_training_never_showed_survives(hindi: Tokenizer, text: str) -> None:
    [ids] = hindi.encode([text])
    assert hindi.decode([ids]) == [text]
    assert UNK_ID not in ids


def test_special_pieces_in_the_text_are_text(hindi: Tokenizer) -> None:
    [ids] = hindi.encode(["<pad> <s> </s> <unk>"])
    assert not {PAD_ID, UNK_ID, BOS_ID, EOS_ID} & set(ids)


def test_the_sign_for_a_space_comes_back_as_a_space(hindi: Tokenizer) -> None:
    # Documented at Tokenizer.encode: SentencePiece can't tell U+2581 from a space.
    assert hindi.decode(hindi.encode(["नदी▁घर"])) == ["नदी घर"]


def test_special_ids_leave_no_trace_and_unknown_is_seen(hindi: Tokenizer) -> None:
    [ids] = hindi.encode(["वह बाज़ार गया।"])
    framed = [BOS_ID, *ids, EOS_ID, PAD_ID, PAD_ID]
    assert hindi.decode([framed, [], [UNK_ID]]) == ["वह बाज़ार गया।", "", " ⁇ "]


def test_nothing_encodes_to_nothing(hindi: Tokenizer) -> None:
    assert hindi.encode([]) == []
    assert hindi.encode([""]) == [[]]
    assert hindi.decode([]) == []


def test_without_bytes_to_fall_back_on_an_unknown_letter_is_unknown(tmp_path: Path) -> None:
    model = Tokenizer.load(train(tmp_path, vocab_size=80, byte_fallback=False))
    assert UNK_ID in model.encode(["東"])[0]


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_too_large_a_vocabulary_is_refused_naming_the_largest_possible(
    tmp_path: Path, model_type: str
) -> None:
    with pytest.raises(
        CorpusError,
        match=r"tokenizer\.vocab_size must be at most \d+ for the hi side of these 20 sentences, "
        r"not 8000",
    ) as raised:
        train(tmp_path, vocab_size=8000, model_type=model_type)
    largest = int(re.findall(r"at most (\d+)", str(raised.value))[0])
    assert len(Tokenizer.load(train(tmp_path, vocab_size=largest, model_type=model_type))) == (
        largest
    )


def test_too_small_a_vocabulary_is_refused_naming_the_smallest_possible(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"must be at least \d+ for the hi side, .* not 8"
    ) as raised:
        train(tmp_path, vocab_size=8)
    smallest = int(re.findall(r"at least (\d+)", str(raised.value))[0])
    assert len(Tokenizer.load(train(tmp_path, vocab_size=smallest))) == smallest


def test_without_sentences_the_error_says_where_they_may_have_gone(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"tokenizer needs at least one sentence, .* clean stage"):
        train(tmp_path, [])


def test_sentences_without_text_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="at least one sentence with text, but none of the 2"):
        train(tmp_path, ["", ""])


def test_a_sentence_of_many_bytes_is_learnt_from_too(tmp_path: Path) -> None:
    # SentencePiece's own limit is 4,192 bytes, and it says nothing of what it leaves out.
    long = " ".join(["ङ"] * 2000)
    model = Tokenizer.load(train(tmp_path, [*HINDI, long], vocab_size=80, byte_fallback=False))
    assert UNK_ID not in model.encode(["ङ"])[0]


@pytest.mark.parametrize("content", [b"", b"not a model", b"\0" * 64])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError, match="the tokenizer must be a SentencePiece model"):
        Tokenizer(content)


def test_a_model_with_other_special_ids_is_refused_naming_them(tmp_path: Path) -> None:
    with (tmp_path / "other.model").open("wb") as file:
        sentencepiece.SentencePieceTrainer.Train(
            sentence_iterator=iter(HINDI), model_writer=file, vocab_size=70, minloglevel=2
        )
    with pytest.raises(ArtifactError, match=r"must be 0, 1, 2 and 3, not \(-1, 0, 1, 2\)"):
        Tokenizer.load(tmp_path / "other.model")


def test_a_draw_is_the_same_each_time_and_sorted() -> None:
    drawn = draw(200, 20, seed=1).tolist()
    assert drawn == draw(200, 20, seed=1).tolist()
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 20
    assert drawn != draw(200, 20, seed=2).tolist()


@pytest.mark.parametrize("limit", [3, 4, 100])
def test_a_limit_that_is_not_reached_takes_all(limit: int) -> None:
    assert draw(3, limit, seed=1).tolist() == [0, 1, 2]


def test_each_sentence_is_as_likely_as_any_other() -> None:
    # 2,000 draws of 3 from 6: each is drawn in half of them, ±1,000·0.1 is 4.5 standard deviations.
    drawn = [draw(6, 3, seed=seed).tolist() for seed in range(2000)]
    for number in range(6):
        assert sum(number in sample for sample in drawn) == pytest.approx(1000, abs=100)


def test_a_draw_from_a_large_corpus_takes_memory_for_what_is_drawn_only() -> None:
    tracemalloc.start()
    drawn = draw(10**12, 1000, seed=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(drawn) == 1000
    assert peak < 1 << 20


def write_shards(folder: Path, *lengths: int) -> list[Path]:
    """Shards of so many rows; row 3 reads ``e3`` and ``h3``."""
    paths, start = [], 0
    for number, length in enumerate(lengths):
        rows = range(start, start + length)
        table = pa.table({"en": [f"e{i}" for i in rows], "hi": [f"h{i}" for i in rows]})
        paths.append(folder / f"train-{number}.parquet")
        pq.write_table(table, paths[-1])
        start += length
    return paths


def test_sentences_are_drawn_by_their_rows_through_all_shards(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, 5, 0, 7, 8)
    found = list(drawn_sentences(iter(shards), ["hi"], 20, limit=9, seed=3))
    assert found == [f"h{row}" for row in draw(20, 9, seed=3)]


def test_of_both_sides_the_limit_counts_sentences(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, 5, 7, 8)
    found = list(drawn_sentences(iter(shards), ["en", "hi"], 20, limit=9, seed=3))
    assert sorted(found) == sorted(f"{'eh'[n % 2]}{n // 2}" for n in draw(40, 9, seed=3))
    assert {text[0] for text in found} == {"e", "h"}
    everything = list(drawn_sentences(iter(shards), ["en", "hi"], 20, limit=40, seed=3))
    assert everything[:12] == [f"{side}{row}" for side in "eh" for row in range(5)] + ["e5", "e6"]
    assert len(set(everything)) == 40


def test_text_is_encoded_into_one_array_as_it_is_into_lists(hindi: Tokenizer) -> None:
    sentences = [*HINDI, "", "東"]
    flat = hindi.encode_ragged(sentences)
    assert flat.tolist() == hindi.encode(sentences)
    # More than are encoded together.
    assert hindi.encode_ragged(sentences * 300).tolist() == hindi.encode(sentences * 300)
    assert hindi.encode_ragged([]).tolist() == []
    assert hindi.encode_ragged([""]).tolist() == [[]]


@pytest.mark.parametrize(
    "settings", [{"vocab_size": 7}, {"character_coverage": 0.0}, {"model_type": "word"}]
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TokenizerConfig(**settings)
