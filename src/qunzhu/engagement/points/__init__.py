"""Points over time: expiry by age with notice (job time.points). Caps and gifts by hand stand in the kernel.

The movements themselves are kernel/ledger; what earns them, each part of this chapter.
"""
