"""Near-duplicate texts: spam that differs in a character, a sign, a number or a smile counts as equal.

Two texts share one of their keys when they are the same in shape (noise, repeats, width, script and look-alikes
folded), or when they are of one length but for a few characters and all their differences lie within one third.
"""

from hashlib import blake2b

SHORTEST = 12  # characters of shape; below, one changed character makes another sentence


def text_keys(normal: str, shaped: str) -> tuple[int, ...]:
    """Keys of a text: its own first (positive), then those it shares with near-duplicates (negative)."""
    text = shaped or "".join(normal.split())
    if not text:
        return ()
    keys = [_hash("=" + text)]
    if len(text) >= SHORTEST:
        third = len(text) // 3
        keys += _thirds(text, third)
        if len(text) % 3 == 0:  # a text with one character less has shorter thirds
            keys += _thirds(text, third - 1)
    return tuple(dict.fromkeys(keys))


def _thirds(text: str, third: int) -> list[int]:
    """A key for each third that may differ: what stands before and after it."""
    parts = (text[: 2 * third], text[-2 * third :], text[:third] + text[-third:])
    return [-_hash(f"{number}{third}:{part}") for number, part in enumerate(parts)]


def _hash(text: str) -> int:
    """A stable 63-bit key."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1
