"""Learning algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilctl.registry import Registry

if TYPE_CHECKING:
    from hilctl.agents.base import Agent

BUILTIN = {
    "rlpd": "hilctl.agents.rlpd:RLPD",
    "bc": "hilctl.agents.bc:BC",
    "hg-dagger": "hilctl.agents.hg_dagger:HGDagger",
    "ibrl": "hilctl.agents.ibrl:IBRL",
    "residual": "hilctl.agents.residual:Residual",
}
OPTIONS = {
    "rlpd": "hilctl.agents.options:RLPDOptions",
    "bc": "hilctl.agents.options:BCOptions",
    "hg-dagger": "hilctl.agents.options:HGDaggerOptions",
    "ibrl": "hilctl.agents.options:IBRLOptions",
    "residual": "hilctl.agents.options:ResidualOptions",
}
AGENTS: Registry[Agent] = Registry("agent", BUILTIN, OPTIONS, package=__name__)
