"""All registered scores keep what every score must keep, and planted faults are found."""

import math

import pytest
import torch
from automl.search.scores import Score, score, score_names

from .conformance import ScoreConformance

for _name in score_names():
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (ScoreConformance,), {"score": score(_name)})


def faulty(function, **declared) -> ScoreConformance:
    class Faulty(ScoreConformance):
        score = Score(name="faulty", source="none", function=function, **declared)

    return Faulty()


class TestTheConformanceTests:
    """Controls: faulty scores, which these tests must find."""

    def test_a_sound_score_passes(self):
        tests = faulty(lambda subject: float(sum(p.numel() for p in subject.network.parameters())))
        tests.test_is_finite_for_every_kind_of_network("residual")
        tests.test_is_reproducible_from_its_seed("residual")
        tests.test_draws_nothing_from_the_global_generator()
        tests.test_leaves_the_network_unchanged("residual")
        tests.test_leaves_the_images_unchanged()

    def test_a_score_that_is_not_finite_is_found(self):
        with pytest.raises(Exception, match="must be a finite number"):
            faulty(lambda subject: math.inf).test_is_finite_for_every_kind_of_network("residual")

    def test_a_score_that_draws_from_the_global_generator_is_found(self):
        tests = faulty(lambda subject: float(torch.rand(())))
        with pytest.raises(AssertionError):
            tests.test_draws_nothing_from_the_global_generator()
        with pytest.raises(AssertionError):
            tests.test_is_reproducible_from_its_seed("residual")

    def test_a_score_that_leaves_gradients_behind_is_found(self):
        def backward(subject) -> float:
            subject.shared.logits.sum().backward()
            return 1.0

        with pytest.raises(AssertionError):
            faulty(backward).test_leaves_the_network_unchanged("residual")

    def test_a_score_that_changes_the_images_is_found(self):
        with pytest.raises(AssertionError):
            faulty(lambda subject: float(subject.images.add_(1).sum())).test_leaves_the_images_unchanged()

    def test_a_score_that_does_not_declare_its_gradients_is_found(self):
        def gradient(subject) -> float:
            (found,) = torch.autograd.grad(subject.shared.logits.sum(), subject.shared.images)
            return float(found.norm())

        with pytest.raises(RuntimeError, match="does not require grad"):
            faulty(gradient, gradients=False).test_needs_what_it_declares_and_no_more()
