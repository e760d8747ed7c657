"""Every agent of the registry keeps its contract."""

from __future__ import annotations

from made_up_data import WHOLE_REACH

from hilctl.agents import AGENTS
from hilctl.testing import AgentContract


class TestRLPD(AgentContract):
    type = "rlpd"


class TestBC(AgentContract):
    type = "bc"


class TestHGDagger(AgentContract):
    type = "hg-dagger"


class TestIBRL(AgentContract):
    type = "ibrl"


class TestResidual(AgentContract):
    type = "residual"
    options = WHOLE_REACH["residual"]


def test_every_registered_agent_is_tested() -> None:
    tested = [TestRLPD, TestBC, TestHGDagger, TestIBRL, TestResidual]
    assert AGENTS.names() == sorted(one.type for one in tested)
