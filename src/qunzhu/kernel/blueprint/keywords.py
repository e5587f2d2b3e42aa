"""The keyword files of a blueprint: one word a line, `#` begins a comment, the file's name is the category.

After ` | ` a line may say which ways of writing the word takes: `加V | +initials -homophone`, or `VIP | exact`.
"""

from pathlib import Path

from qunzhu.kernel.blueprint.loader import BadBlueprint, Loaded, Mistake
from qunzhu.kernel.text.keywords import Word
from qunzhu.kernel.text.options import BadOption, parse_options

MAX_WORD = 60
MAX_WORDS = 100_000
LEVELS = {"fraud": "red", "fundraising": "red"}  # what a hit is worth when nothing else is said


def read_keywords(loaded: Loaded) -> list[Word]:
    """Every word of the files that the blueprint names, then its allow-list. Raises BadBlueprint with file and line."""
    words: dict[str, Word] = {}
    for name in loaded.blueprint.risk.keywords.files:
        for word in _read(loaded.folder, name):
            words.setdefault(word.word, word)
    for allowed in loaded.blueprint.risk.keywords.allow:
        words[allowed] = Word(allowed, "other", "", allow=True)
    return list(words.values())


def _read(folder: Path, name: str) -> list[Word]:
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise BadBlueprint(name, [Mistake(1, "", "lies outside the folder of the blueprint")])
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadBlueprint(str(file), [Mistake(1, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise BadBlueprint(str(file), [Mistake(1, "", "is not UTF-8 text", "save the file as UTF-8")]) from None
    if len(lines) > MAX_WORDS:
        raise BadBlueprint(str(file), [Mistake(MAX_WORDS, "", f"has more than {MAX_WORDS:,} lines")])
    category = file.stem
    mistakes = []
    words = []
    for number, line in enumerate(lines, 1):
        word, _, wanted = (part.strip() for part in line.split("#")[0].partition(" | "))
        try:
            options = parse_options(wanted)
        except BadOption as reason:
            mistakes.append(Mistake(number, "", str(reason), "options are listed in docs/keywords.md"))
            continue
        if len(word) > MAX_WORD:
            mistakes.append(Mistake(number, "", f"has {len(word)} characters, at most {MAX_WORD} are kept"))
        elif word:
            words.append(Word(word, category, LEVELS.get(category, ""), options=options))
    if mistakes:
        raise BadBlueprint(str(file), mistakes)
    return words
