"""HG-DAgger: the policy acts, a human takes over, and what the human did is cloned.

Source: Kelly et al. 2019 (arXiv 1810.02890), the imitation baseline of HIL-SERL (arXiv 2410.21845).
"""

from __future__ import annotations

from typing import ClassVar

from hilctl.agents.bc import BC
from hilctl.agents.options import AgentOptions, HGDaggerOptions


class HGDagger(BC):
    """A policy cloned from demonstrations, and from interventions as they come.

    It never begins anew: gradient steps go on, on a growing set of what humans did, in which every
    step counts the same. Rewards are not looked at.
    """

    OptionsType: ClassVar[type[AgentOptions]] = HGDaggerOptions
