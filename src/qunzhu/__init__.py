"""Qunzhu 群主: one blueprint in, a running WeChat community out, every decision explained."""

__version__ = "0.1.0"
