"""Where a match ends in a letter or a digit: whether the same kind goes on across its edge."""

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_DIGITS = frozenset("0123456789")


def stands_alone(normal: str, start: int, end: int, options: frozenset[str]) -> bool:
    """Whether no letter (digit) goes on across an edge of a match that ends in one itself."""
    if "english_word_boundary" in options and goes_on(normal, start, end, LETTERS):
        return False
    return not ("number_boundary" in options and goes_on(normal, start, end, _DIGITS))


def goes_on(normal: str, start: int, end: int, kind: frozenset[str]) -> bool:
    before = start > 0 and normal[start] in kind and normal[start - 1] in kind
    return before or (end < len(normal) and normal[end - 1] in kind and normal[end] in kind)
