"""Why a decision on a case is refused; every message is a Chinese sentence for the person who pressed."""


class CaseError(Exception):
    """A decision that was refused."""


class Barred(CaseError):
    """Not by this person, or not any more because the matter has settled itself; nothing was changed."""
