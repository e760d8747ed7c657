"""Learning algorithms."""

from __future__ import annotations

from hilctl.agents.base import Agent
from hilctl.registry import Registry

BUILTIN = {"rlpd": "hilctl.agents.rlpd:RLPD", "bc": "hilctl.agents.bc:BC"}
AGENTS: Registry[Agent] = Registry("agent", BUILTIN)
