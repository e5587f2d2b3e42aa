"""Imported once by the fork server, so that a killed part is back within milliseconds. It leaves no connection open."""

from qunzhu.kernel.bootstrap import setup_django

setup_django()

import granian.server.embed  # noqa: E402, F401

import qunzhu.config.subscriptions  # noqa: E402
import qunzhu.kernel.effects.deliver  # noqa: E402
import qunzhu.receive.app  # noqa: E402, F401
import tests.faults.storm  # noqa: E402, F401  (every child imports the program that started it)
