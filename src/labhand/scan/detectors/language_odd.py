"""Texts in another language than the others."""

import itertools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._spans import settled
from labhand.scan.texts import Texts, prose, written

if TYPE_CHECKING:
    import polars as pl

SMALL = {
    "English": "the of and to in is that it was for are with as his they be at this have from or had by but what were when there how an their will would about if out so her can which do been who my than its you we on me him us no so up into then some could just only other also after over any may no he's it's don't not all more new two back",
    "German": "der die und das ist nicht ein eine zu den dem mit sich auf für von im auch es wie ich sie wir werden wird wurde sind aber nach bei einer noch oder hat dass über nur durch kann zum zur einen einem er man mein meine haben waren wenn schon sehr mehr immer wieder dann hier doch alle kein keine ihr ihre vor um bis am beim vom leider ganz etwas mir mich uns ohne gegen weil",
    "French": "le la les des un en de et est une dans pour que qui pas sur au avec il elle nous vous sont ce cette par plus ne se du mais ou comme été leur aux être ont fait je si bien tout tous très sans donc car notre votre nos vos leur aussi après avant chez où quand rien jamais encore mes mon ma ses son sa leurs même était avait à",
    "Spanish": "el los las una que en es por con para del se no como más pero sus le ya este sí porque esta entre cuando muy sin sobre también fue hasta hay donde quien desde todo nos está son lo al mi te si ni tiene era ser nada nadie todos eso esa mucho muchos tan hace bien durante antes después ha han puede solo aquí así cada otro otra",
    "Italian": "il di che è la per un una non sono con le si da come ma anche della del alla più nel questo gli ha dei delle lo ci essere era degli suo dopo nella mi ti ho hai abbiamo hanno molto tutto tutti quando dove perché senza solo poi così sempre mai fatto tra al dal dalla stato stata questa quello mio mia",
    "Portuguese": "o os as que em um uma para com não do da no na por mais como mas foi ao ele das dos sua ou quando muito nos já também pelo pela até isso ela entre são você está eu meu minha seu sem há tem tinha estava ficou bem mesmo só depois antes onde porque nada ninguém nem essa esse isto aqui cada tudo todos à",
    "Dutch": "de het een van en is dat op te zijn voor met niet aan er om ook als dan maar bij nog uit naar wordt door heeft hij ze wel deze werd kan over geen worden ik je jij wij mijn waren had heb hebben ben niets meer veel goed heel erg want omdat toen daar hier dit al nu wat wie waar hoe tot tegen na zonder mij hem haar ons",
    "Swedish": "och att det som en på är av för med den till inte om ett han men var jag från vi kan när så hade hon eller ska efter också sig har nu skulle",
    "Danish": "og det at en er til på som af den for ikke med har de jeg der kan om fra var han et men hun vi også blev efter skal sig eller nu havde",
    "Polish": "i w na z nie się do to że jest jak o za od po co ale tak przez czy był jego tylko już tym być dla są może które przy ich było który mi mnie ten ta te ma mam bardzo bez kiedy gdzie więc żeby jej nas przed pod oraz",
    "Turkish": "ve bir bu için ile çok olarak daha gibi olan da de ne kadar sonra her ama değil ya o var ben en şey mi ki olduğu diye",
    "Indonesian": "yang dan di untuk dengan dari pada ini itu adalah tidak ke dalam akan oleh juga saya atau bisa ada mereka telah sebagai dapat kami karena",
    "Czech": "a se na je že to v s z do o jako za ale jsem by si tak jsou bylo byl pro podle po jeho také který při nebo jsme aby však když",
    "Romanian": "și de la în pe nu cu este să un o care din mai sunt pentru ce ca au fost prin dar sau fi acest această lui se după fără",
    "Finnish": "ja on ei se että hän oli mutta ovat kun niin tai myös mitä kuin ole sen joka tämä minä vain jos voi nyt olla oli siitä he",
    "Hungarian": "a az és hogy nem is egy van meg ez de volt csak már még ha mint el én kell vagy lehet nagyon azt minden ki mert amely",
    "Vietnamese": "và của là có không được cho một trong với những các đã người này để khi từ đến như tôi cũng về nhưng trên ra",
}  # fmt: skip
"""Small words of languages written in Latin letters."""
SCRIPTS = {
    "Cyrillic": r"\p{Cyrillic}", "Chinese or Japanese": r"[\p{Han}\p{Hiragana}\p{Katakana}]", "Korean": r"\p{Hangul}",
    "Arabic script": r"\p{Arabic}", "Hebrew": r"\p{Hebrew}", "Devanagari": r"\p{Devanagari}", "Greek": r"\p{Greek}",
    "Thai": r"\p{Thai}", "Bengali": r"\p{Bengali}", "Tamil": r"\p{Tamil}",
}  # fmt: skip
FEWEST = 6
"""Words below which the language of a text in Latin letters is not told."""
LOOKED_AT = 1500
"""Characters of a text by which its language is told."""
TITLE = 7
"""Words, at the median, below which texts are names and titles, which keep their own language."""
SHORT = 12
"""Words up to which a text is short."""
COPIED = 4
"""Words from which on a text that is the same in two languages is no name."""
MOSTLY = 0.85
"""The share of texts that must be in one language for another to be odd."""


class Detector:
    """Texts in another language than the others.

    ## What it does
    Tells the script of each text by its letters, and of Latin letters the language by its small words
    (of 17 languages), and finds the texts that are not in the language of nearly all others. Where two columns
    are in two languages it finds rows in which both hold the same words.

    ## Why is this bad
    The tokenizer, the labellers and the model were chosen for one language; the odd texts are noise.

    ## Known problems
    Texts of fewer than six words are not judged, nor texts that quote both languages. Data in which
    no language has 85 % of the texts is taken for multilingual.

    ## Example
    `Das Essen war kalt und der Service sehr langsam` among English reviews

    ## Use instead
    Drop the rows, translate them, or keep them on purpose.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column, and one a pair of columns: texts left as they are in the other language."""
        for part in data.parts:
            every = [(one, _usual(one)) for one in prose(data, written(data, part))]
            known = [(one, language) for one, language in every if language is not None]
            copied: list[Anomaly] = []
            for (source, theirs), (target, language) in itertools.combinations(known, 2):
                if theirs != language and not (source.spoken or target.spoken):
                    copied += _untranslated(part, source, target, language)
            yield from copied
            for one, language in known:
                known_ = [
                    c.found for c in copied if one.column in c.columns and c.found is not None
                ]
                yield from _look(part, one, language, known_)


def _untranslated(part: Part, source: Texts, target: Texts, language: str) -> Iterable[Anomaly]:
    """Rows whose text in one language is, word for word, that in the other."""
    import polars as pl

    said, same = (
        pl.col(one.column).str.strip_chars().str.to_lowercase() for one in (source, target)
    )
    found = part.where((said == same) & (same.str.count_matches(r"\p{L}+") >= COPIED))
    if not 0 < len(found) <= (1 - MOSTLY) * part.rows + 1:
        return
    yield Anomaly(
        part,
        f"{len(found):,} of {part.rows:,} texts of `{target.column}` ({share(len(found), part.rows)}) are, word for "
        f"word, those of `{source.column}`, as row {int(found['row'][0])}, where the others are in {language}",
        "translate them, or drop the rows",
        0.9,
        found,
        [source.column, target.column],
        "warning",
        normal=f"texts of `{target.column}` are in {language}",
        group="untranslated",
    )


def _look(part: Part, one: Texts, usual: str, known: "list[pl.DataFrame]") -> Iterable[Anomaly]:
    import polars as pl

    text = pl.col("text")
    whole = one.lazy.with_columns(length=text.str.len_chars(), text=text.str.head(LOOKED_AT))
    frame = whole.filter(text.is_not_null() & _maybe_other(usual))
    told = frame.select("row", "turn", "text", "length").collect(engine="streaming")
    told = told.with_columns(language=_language(usual)).filter(pl.col("language").is_not_null())
    odd = _several(told.filter(pl.col("language") != usual), usual)
    for some in known:
        odd = odd.join(some, on="row", how="anti")
    if not len(odd) or odd["row"].n_unique() > (1 - MOSTLY) * part.rows + 1:
        return
    words = one.lazy.select(_words().median()).collect(engine="streaming").item()
    titles = words is not None and words < TITLE
    for (language,), some in odd.group_by("language", maintain_order=True):
        yield _told(part, one, usual, str(language), some, titles)


def _told(
    part: Part, one: Texts, usual: str, language: str, odd: "pl.DataFrame", titles: bool
) -> Anomaly:
    import polars as pl

    found = odd.with_columns(score=1 - _counted(usual) / _words()).with_columns(
        column=pl.lit(one.column), start=pl.lit(0), end=pl.col("length").cast(pl.Int64)
    )
    found = found.sort("score", "row", descending=[True, False])
    first, rows = found.row(0, named=True), found["row"].n_unique()
    return Anomaly(
        part,
        f"{rows:,} of {part.rows:,} texts of `{one.column}` ({share(rows, part.rows)}) are in {language}, where the others "
        f"are in {usual}, as row {first['row']}: {shown(first['text'])}",
        "drop them, translate them, or keep them on purpose",
        0.4 if titles else 0.9,
        settled(found.select("row", "score", "column", "turn", "start", "end", "language")),
        [one.column],
        "note" if titles else "warning",
        normal=f"texts are in {usual}",
        group=f"language {one.column}",
    )


def _several(odd: "pl.DataFrame", usual: str) -> "pl.DataFrame":
    """Those in which three different small words tell the language, two of them of several letters, or its letters.

    Of a short text without any small word of the usual language alone two are enough.
    """
    import polars as pl

    usual_words = set(SMALL.get(usual, "").split())
    told = []
    for language, text in odd.select("language", "text").iter_rows():
        there = set() if language in SCRIPTS else set(SMALL[language].split())
        own = there - usual_words
        seen = own & set(re.findall(r"\w+", text.lower()))
        # letters alone are initials and units too
        several = sum(len(w) > 1 for w in seen) >= 2
        said = re.findall(r"\w+", text.lower())
        enough = 2 if len(said) <= SHORT and not (usual_words - there) & set(said) else 3
        told.append(language in SCRIPTS or (several and len(seen) >= enough))
    return odd.filter(pl.Series(told, dtype=pl.Boolean))


def _words() -> "pl.Expr":
    import polars as pl

    return pl.col("text").str.count_matches(r"\p{L}+")


def _counted(language: str, but: str = "") -> "pl.Expr":
    """How many letters of a script, or small words of a language, a text has."""
    import polars as pl

    if language in SCRIPTS:
        return pl.col("text").str.count_matches(SCRIPTS[language])
    own = set(SMALL[language].split()) - set(SMALL.get(but, "").split())
    words = "|".join(sorted(own, key=len, reverse=True))
    # a word ends where the next begins, so the blank between two is looked for once only
    return pl.col("text").str.to_lowercase().str.count_matches(rf"\b(?:{words})\b")


def _usual(one: Texts) -> str | None:
    """The language that nearly all texts are in; None where there is none, or too few say."""
    import polars as pl

    short = one.lazy.select(text=pl.col("text").str.head(400)).head(4000)
    some = short.filter(_words() >= FEWEST).collect(engine="streaming")
    if len(some) < 10:
        return None
    told = some.select(language=_language())["language"].drop_nulls()
    if len(told) < 0.5 * len(some):
        return None
    name, times = told.value_counts(sort=True).row(0)
    return str(name) if times >= MOSTLY * len(told) else None


def _maybe_other(usual: str) -> "pl.Expr":
    """Whether a text may be in another language: it has few of the words or letters of the usual one."""
    import polars as pl

    if usual in SCRIPTS:
        return _counted(usual) < 0.3 * pl.col("text").str.count_matches(r"\p{L}")
    other = pl.col("text").str.count_matches(r"[\p{L}--[\p{Latin}\p{Greek}]]")
    return ((_words() >= FEWEST) & (_counted(usual) < 0.2 * _words())) | (other > 3)


def _language(usual: str = "") -> Any:
    """The language or script of a text; null where it is not plain."""
    import polars as pl

    letters = pl.col("text").str.count_matches(r"\p{L}")
    told: Any = pl.when(False).then(pl.lit(None, dtype=pl.String))
    for script in SCRIPTS:
        told = told.when((_counted(script) > 0.5 * letters) & (letters >= 6)).then(pl.lit(script))
    shares = [
        (_counted(name, usual if name != usual else "") / _words()).alias(name) for name in SMALL
    ]
    best = pl.max_horizontal(shares)
    second = pl.concat_list(shares).list.sort(descending=True).list.get(1)
    names = pl.Series(list(SMALL))
    which = pl.concat_list(shares).list.arg_max()
    plain = (_words() >= FEWEST) & (best >= 0.16) & (best >= 1.5 * second)
    return (
        told.when(plain)
        .then(which.replace_strict(dict(enumerate(names)), return_dtype=pl.String))
        .otherwise(None)
    )
