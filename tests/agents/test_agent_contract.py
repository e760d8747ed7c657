"""Every agent of the registry keeps its contract."""

from __future__ import annotations

from hilctl.agents import AGENTS
from hilctl.testing import AgentContract


class TestRLPD(AgentContract):
    type = "rlpd"


class TestBC(AgentContract):
    type = "bc"


def test_every_registered_agent_is_tested() -> None:
    assert AGENTS.names() == sorted([TestRLPD.type, TestBC.type])
