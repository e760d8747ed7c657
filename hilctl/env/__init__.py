"""Environments: a robot's, and those that need none."""

from __future__ import annotations

from hilctl.env.base import TaskEnvironment
from hilctl.registry import Registry

BUILTIN = {"gymnasium": "hilctl.env.gymnasium_env:GymnasiumEnv"}
ENVIRONMENTS: Registry[TaskEnvironment] = Registry("environment", BUILTIN, package=__name__)
