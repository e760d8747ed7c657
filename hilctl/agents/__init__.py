"""Learning algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilctl.registry import Registry

if TYPE_CHECKING:
    from hilctl.agents.base import Agent

BUILTIN = {"rlpd": "hilctl.agents.rlpd:RLPD", "bc": "hilctl.agents.bc:BC"}
OPTIONS = {
    "rlpd": "hilctl.agents.options:RLPDOptions",
    "bc": "hilctl.agents.options:BCOptions",
}
AGENTS: Registry[Agent] = Registry("agent", BUILTIN, OPTIONS, package=__name__)
