"""Numbers that a task file leaves out are the paper's, or say that they are not."""

from __future__ import annotations

import pytest

from hilctl.agents import BUILTIN, OPTIONS
from hilctl.agents.options import (
    BCOptions,
    HGDaggerOptions,
    IBRLOptions,
    ResidualOptions,
    RLPDOptions,
)
from hilctl.devices import Options
from hilctl.rewards.classifier import ClassifierOptions
from hilctl.task.sections import ControlSpec, TrainingSpec

# Luo et al. 2024 (arXiv 2410.21845) and its reference implementation
PAPERS = {
    RLPDOptions: {
        "batch": 256,
        "learning_rate": 3e-4,
        "target_rate": 0.005,
        "initial_temperature": 0.01,
        "max_log_std": 1.6,
        "target_entropy": -0.5,
        "critics": 2,
        "critic_width": 256,
        "critic_updates_per_actor": 2,
        "shift_cells": 4 / (128 / 8),  # 4 px of 128, of maps of 8×8 cells
        "imitation": 0.0,
        "average_rate": 1.0,
    },
    ClassifierOptions: {"success_frames": 200, "failure_frames": 1000},
    TrainingSpec: {"demos": 20},
    ControlSpec: {"rate_hz": 10.0},
}
OURS = {
    RLPDOptions: ["encoder", "channels", "initial_log_std"],
    ClassifierOptions: ["max_false_positive_rate", "consecutive"],
    TrainingSpec: ["target_success"],
}


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [(model, *pair) for model, pairs in PAPERS.items() for pair in pairs.items()],
)
def test_a_default_is_the_papers(model: type[Options], name: str, value: float) -> None:
    assert model.model_fields[name].default == value


def test_the_discount_is_one_of_the_papers() -> None:
    assert 0.96 <= RLPDOptions().discount <= 0.985


@pytest.mark.parametrize(
    ("model", "name"), [(model, name) for model, names in OURS.items() for name in names]
)
def test_a_default_of_our_own_says_what_the_papers_is(model: type[Options], name: str) -> None:
    assert "HIL-SERL" in str(model.model_fields[name].description)


def test_the_preset_is_the_papers() -> None:
    told = RLPDOptions(preset="hil-serl")
    papers = PAPERS[RLPDOptions] | {"initial_log_std": 0.0, "embedding": "spatial"}
    assert {name: getattr(told, name) for name in papers} == papers
    assert told.kept_channels is None
    assert told.encoder == RLPDOptions().encoder


def test_the_preset_sees_through_their_encoder_where_its_weights_are_given() -> None:
    told = RLPDOptions(preset="hil-serl", weights="resnet10.npz")
    assert told.encoder == "resnet10"
    assert told.shift_cells == 4 / (128 / 4)  # 4 px of 128, of maps of 4×4 cells


def test_a_preset_survives_being_stored() -> None:
    told = RLPDOptions(preset="hil-serl", weights="resnet10.npz")
    again = RLPDOptions.model_validate(told.model_dump(mode="json"))
    assert again == told


@pytest.mark.parametrize(
    "model",
    [RLPDOptions, BCOptions, HGDaggerOptions, IBRLOptions, ResidualOptions, ClassifierOptions],
)
def test_every_number_is_explained(model: type[Options]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_options_of_every_agent_are_read_without_jax() -> None:
    assert OPTIONS.keys() == BUILTIN.keys()
