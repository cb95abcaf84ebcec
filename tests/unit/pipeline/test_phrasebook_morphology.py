"""The phrasebook's morphology against paradigms written by hand."""

import pytest

from pipeline.phrasebook import english, hindi
from pipeline.phrasebook.hindi import Agreement
from pipeline.phrasebook.lexicon import ADJECTIVES, NOUNS
from pipeline.phrasebook.phrases import PRONOUNS, Thing, render

M, MP = Agreement("m"), Agreement("m", plural=True)
F, FP = Agreement("f"), Agreement("f", plural=True)
I = Agreement("m", person=1)  # noqa: E741


@pytest.mark.parametrize(
    ("noun", "gender", "forms"),
    [
        ("लड़का", "m", "लड़का लड़के लड़के लड़कों"),
        ("घर", "m", "घर घर घर घरों"),
        ("आदमी", "m", "आदमी आदमी आदमी आदमियों"),
        ("भाई", "m", "भाई भाई भाई भाइयों"),
        ("आलू", "m", "आलू आलू आलू आलुओं"),
        ("लड़की", "f", "लड़की लड़की लड़कियाँ लड़कियों"),
        ("किताब", "f", "किताब किताब किताबें किताबों"),
        ("कविता", "f", "कविता कविता कविताएँ कविताओं"),
        ("मिठाई", "f", "मिठाई मिठाई मिठाइयाँ मिठाइयों"),
        ("चिड़िया", "f", "चिड़िया चिड़िया चिड़ियाँ चिड़ियों"),
        ("गाय", "f", "गाय गाय गायें गायों"),
    ],
)
def test_a_noun_declines(noun, gender, forms):
    declined = hindi.decline(noun, gender)
    assert [
        declined.singular,
        declined.singular_oblique,
        declined.plural,
        declined.plural_oblique,
    ] == forms.split()


def test_an_uncle_does_not_inflect():
    assert hindi.decline("चाचा", "m", inflects=False).singular_oblique == "चाचा"


def test_the_plural_of_address_has_no_nasal():
    assert hindi.vocative_plural("बच्चा", "m") == "बच्चो"
    assert hindi.vocative_plural("लड़की", "f") == "लड़कियो"


@pytest.mark.parametrize(
    ("form", "masculine", "oblique", "feminine"),
    [
        ("बड़ा", "बड़ा", "बड़े", "बड़ी"),
        ("नया", "नया", "नए", "नई"),
        ("पाँचवाँ", "पाँचवाँ", "पाँचवें", "पाँचवीं"),
        ("मेरा", "मेरा", "मेरे", "मेरी"),
    ],
)
def test_a_marked_form_agrees(form, masculine, oblique, feminine):
    assert hindi.decline_marked(form, "m", plural=False) == masculine
    assert hindi.decline_marked(form, "m", plural=False, oblique=True) == oblique
    assert hindi.decline_marked(form, "m", plural=True) == oblique
    assert hindi.decline_marked(form, "f", plural=True, oblique=True) == feminine


def test_an_unmarked_form_is_refused():
    with pytest.raises(ValueError, match="must end in ा or वाँ"):
        hindi.decline_marked("लाल", "m", plural=False)


@pytest.mark.parametrize(
    ("stem", "forms"),
    [
        ("पढ़", "पढ़ा पढ़े पढ़ी पढ़ीं"),
        ("खा", "खाया खाए खाई खाईं"),
        ("सो", "सोया सोए सोई सोईं"),
        ("आ", "आया आए आई आईं"),
        ("कर", "किया किए की कीं"),
        ("दे", "दिया दिए दी दीं"),
        ("ले", "लिया लिए ली लीं"),
        ("पी", "पिया पिए पी पीं"),
        ("जा", "गया गए गई गईं"),
        ("हो", "हुआ हुए हुई हुईं"),
    ],
)
def test_a_perfective_agrees(stem, forms):
    assert [hindi.perfective(stem, agreement) for agreement in (M, MP, F, FP)] == forms.split()


def test_an_auxiliary_takes_the_nasal_of_the_feminine_plural():
    assert hindi.perfective("पढ़", FP, last=False) == "पढ़ी"
    assert hindi.imperfective("जा", FP) == "जाती"
    assert hindi.imperfective("जा", FP, last=True) == "जातीं"


@pytest.mark.parametrize(
    ("stem", "forms"),
    [
        ("पढ़", "पढ़ूँगा पढ़ेगा पढ़ेंगे पढ़ेगी पढ़ेंगी"),
        ("जा", "जाऊँगा जाएगा जाएँगे जाएगी जाएँगी"),
        ("सो", "सोऊँगा सोएगा सोएँगे सोएगी सोएँगी"),
        ("दे", "दूँगा देगा देंगे देगी देंगी"),
        ("ले", "लूँगा लेगा लेंगे लेगी लेंगी"),
        ("पी", "पिऊँगा पिएगा पिएँगे पिएगी पिएँगी"),
        ("कर", "करूँगा करेगा करेंगे करेगी करेंगी"),
    ],
)
def test_a_future_agrees(stem, forms):
    assert [hindi.future(stem, agreement) for agreement in (I, M, MP, F, FP)] == forms.split()


@pytest.mark.parametrize(
    ("stem", "familiar", "polite"),
    [
        ("पढ़", "पढ़ो", "पढ़िए"),
        ("जा", "जाओ", "जाइए"),
        ("धो", "धोओ", "धोइए"),
        ("कर", "करो", "कीजिए"),
        ("दे", "दो", "दीजिए"),
        ("ले", "लो", "लीजिए"),
        ("पी", "पियो", "पीजिए"),
    ],
)
def test_an_imperative_has_two_politenesses(stem, familiar, polite):
    assert hindi.familiar_imperative(stem) == familiar
    assert hindi.polite_imperative(stem) == polite


@pytest.mark.parametrize(
    ("who", "forms"),
    [
        ("I", "मैं मैंने मुझे मुझसे मेरी"),
        ("you", "आप आपने आपको आपसे आपकी"),
        ("he", "वह उसने उसे उससे उसकी"),
        ("we", "हम हमने हमें हमसे हमारी"),
        ("they", "वे उन्होंने उन्हें उनसे उनकी"),
    ],
)
def test_a_pronoun_has_its_own_case_forms(who, forms):
    it = PRONOUNS[who]
    cases = [it.direct, it.ergative, it.dative, it.marked("से"), it.genitive("f")]
    assert cases == forms.split()


@pytest.mark.parametrize(
    ("thing", "owner", "said", "direct", "oblique"),
    [
        (Thing(NOUNS["room"], "this"), "", "this room", "यह कमरा", "इस कमरे"),
        (Thing(NOUNS["room"], "that", True), "", "those rooms", "वे कमरे", "उन कमरों"),
        (
            Thing(NOUNS["sari"], "a", adjective=ADJECTIVES["old"]),
            "",
            "an old sari",
            "एक पुरानी साड़ी",
            "एक पुरानी साड़ी",
        ),
        (Thing(NOUNS["brother"], "my", True, 2), "", "my two brothers", "मेरे दो भाई", "मेरे दो भाइयों"),
        (Thing(NOUNS["father"], "your"), "", "your father", "आपके पिताजी", "आपके पिताजी"),
        (Thing(NOUNS["mother"], "own"), "her", "her mother", "अपनी माँ", "अपनी माँ"),
        (Thing(NOUNS["son"], "my"), "my", "my son", "अपना बेटा", "अपने बेटे"),
        (Thing(NOUNS["tea"], "some"), "", "some tea", "थोड़ी चाय", "थोड़ी चाय"),
    ],
)
def test_a_noun_phrase_is_said_in_both_languages(thing, owner, said, direct, oblique):
    phrase = render(thing, owner)
    assert (phrase.english, phrase.direct, phrase.oblique) == (said, direct, oblique)


def test_one_s_own_needs_a_subject():
    with pytest.raises(ValueError, match="needs a subject"):
        render(Thing(NOUNS["book"], "own"))


def test_english_forms_are_spelt_right():
    assert [english.plural(noun) for noun in ("story", "mango", "bus", "man", "knife", "key")] == [
        "stories", "mangoes", "buses", "men", "knives", "keys",
    ]  # fmt: skip
    described = ("old hat", "new hat", "honest man", "essay")
    assert [english.with_article(words) for words in described] == [
        "an old hat", "a new hat", "an honest man", "an essay",
    ]  # fmt: skip
    assert [english.third_person(verb) for verb in ("go", "watch", "carry", "play", "have")] == [
        "goes", "watches", "carries", "plays", "has",
    ]  # fmt: skip
    assert [english.gerund(verb) for verb in ("write", "run", "see", "lie", "cook")] == [
        "writing", "running", "seeing", "lying", "cooking",
    ]  # fmt: skip
    assert [english.past(verb) for verb in ("stop", "cry", "write", "close", "play")] == [
        "stopped", "cried", "wrote", "closed", "played",
    ]  # fmt: skip
    assert english.participle("write") == "written"
    assert (english.past("travel"), english.gerund("travel")) == ("travelled", "travelling")
