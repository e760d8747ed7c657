"""The scripted operator of `hilctl serve-sim`, who stands beside the simulated rig.

It sees the truth where the rig is, and says over the network what its hand does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, cast

import numpy as np
from pydantic import AfterValidator, Field

from hilctl.devices import Finding, Options, Rig
from hilctl.errors import DeviceError
from hilctl.robots.serl_client import SerlClient, check_url
from hilctl.teleop.base import WHOLE_TASK, Role, Teleop, TeleopEvent, TeleopInput

CALL_S = 2.0


class RehearsedTeleopOptions(Options):
    """Which arm is driven, and how well."""

    url: Annotated[str, AfterValidator(check_url)] = Field(
        description="address of the arm's robot server, of hilctl serve-sim"
    )
    skill: float = Field(default=0.8, ge=0, le=1)  # 1 = steady and quick, 0 = clumsy
    interventions: bool = True
    veto: bool = True


class RehearsedTeleop(Teleop):
    """An operator who sees the truth but has an imperfect hand, beside a simulated rig."""

    OptionsType: ClassVar[type[Options]] = RehearsedTeleopOptions
    operator: ClassVar[str] = "scripted operator"
    in_real_time: ClassVar[bool] = False

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._client: SerlClient | None = None

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Return nothing: the robot says whether its server is there."""
        return []

    def open(self) -> None:
        """Call the operator.

        Raises:
            DeviceError: there is no simulated rig.
        """
        settings = cast(RehearsedTeleopOptions, self.options)
        self._client = SerlClient(settings.url)
        seed = int(self.rig.generator(f"{self.arm} operator").integers(1 << 32))
        told = settings.model_dump(exclude={"url"})
        self._ask("open", seed=seed, options=told, action_scale=self.action_scale.tolist())

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def call_stages(self, stages: Sequence[str]) -> None:
        """Say which stages are to be called.

        Raises:
            DeviceError: they are not known there.
        """
        if tuple(stages) != WHOLE_TASK:
            raise DeviceError(
                f"the operator of serve-sim tells no stages such as {', '.join(stages)}",
                hint="take a reward without classifiers as stages, or the simulator in task.yaml",
            )

    def begin_episode(self, role: Role) -> None:
        """Say what is asked of the operator."""
        self._ask("begin_episode", role=role.value)

    def end_episode(self, *, success: bool, intervened: bool) -> None:
        """Say how it ended."""
        self._ask("end_episode", success=success, intervened=intervened)

    def poll(self) -> TeleopInput:
        """Return what the hand does in this control step."""
        said = self._ask("poll")
        try:
            return TeleopInput(
                twist=np.array(said["twist"], dtype=float).reshape(6),
                gripper=int(said["gripper"]),
                engaged=bool(said["engaged"]),
                events=tuple(TeleopEvent(event) for event in said["events"]),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise DeviceError(f"the operator says what makes no sense: {error}") from None

    def review(self, *, claimed: bool) -> bool:
        """Return the truth, or `claimed` when told not to object."""
        return bool(self._ask("review", claimed=claimed).get("verdict"))

    def _ask(self, call: str, **content: Any) -> dict[str, Any]:
        if self._client is None:
            raise DeviceError("the operator is not called yet")
        told = {"call": call, **content}
        answer = self._client.ask("rehearsal/operator", told, limit_s=CALL_S)
        return answer if isinstance(answer, dict) else {}
