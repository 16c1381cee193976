"""Selects which training of a network is exported, and says what others there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...blocks import InputError
from ...studies import Evaluation, Purpose, State, Study
from ...studies.choosing.chosen import best
from ...studies.choosing.chosen import chosen_candidate as chosen_of
from ...studies.choosing.finals import numbered_trainings
from ...studies.records.evaluation import DRIVER
from ...studies.records.measure import as_text, shown, words
from ...studies.trained.artifacts import weights_place


def selected(
    study: Study, candidate: str | None, training: int | None, *, size: int | None, epochs: int | None, seed: int | None
) -> tuple[int | None, Evaluation]:
    """The training that is exported, and its number; None for a trial of the search."""
    numbered: list[tuple[int | None, Evaluation]] = list(enumerate(numbered_trainings(study), start=1))
    if training is not None:
        if not 1 <= training <= len(numbered):
            raise InputError(
                f"--training must be a number from 1 to {len(numbered)} (`automl status` lists them), but got"
                f" {training}"
            )
        numbered = numbered[training - 1 : training]
        row = study.candidate(candidate or numbered[0][1].candidate_id)
    else:
        row = study.candidate(candidate) if candidate else chosen_of(study)
    own = [(number, each) for number, each in numbered if each.candidate_id == row.id and each.checkpoint is not None]
    if not own and training is None:
        trials = [each for each in study.evaluations(Purpose.SEARCH) if each.candidate_id == row.id]
        own = [(None, each) for each in trials if weights_place(study, each) is not None]
    if not own:
        raise InputError(
            f"the network {row.id[:12]} has no trained weights yet: run `automl train` with --candidate {row.id[:12]}"
            " first"
        )
    asked = {"--size": size, "--epochs": epochs, "--seed": seed}
    fitting = [
        (number, each)
        for number, each in own
        if size in (None, each.fidelity.size) and epochs in (None, each.fidelity.epochs) and seed in (None, each.seed)
    ]
    if not fitting:
        wanted = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
        there = "; ".join(f"{number or 'trial'}: {each.fidelity}, seed {each.seed}" for number, each in own[:8])
        raise InputError(f"no training of {row.id[:12]} has {wanted}; there are {there}")
    if refits := [one for one in fitting if one[1].fidelity.refit]:
        return max(reversed(refits), key=lambda one: _amount(one[1]))
    amount = max(_amount(each) for _, each in fitting)
    largest = [one for one in fitting if _amount(one[1]) == amount]
    by_hand = [one for one in largest if one[1].worker == DRIVER]
    if not by_hand:
        printed = best(study)
        return next((one for one in largest if printed is not None and one[1] == printed.evaluation), largest[-1])
    better = better_of_search([each for _, each in fitting], by_hand[-1][1])
    return next((one for one in reversed(fitting) if one[1] == better), by_hand[-1])


def better_of_search(finals: Iterable[Evaluation], longest: Evaluation) -> Evaluation | None:
    """The best of the final trainings by which a search has confirmed the network of `longest`, if
    all of them were better than `longest` and the other trainings by hand that were as long: then
    it is not worse by the chance of a seed. Only trainings with weights count."""
    own = [one for one in finals if one.candidate_id == longest.candidate_id and one.checkpoint is not None]
    confirming = [one for one in own if one.worker != DRIVER]
    equal = [one for one in own if one.worker == DRIVER and _amount(one) == _amount(longest)]
    reached = max(_accuracy(one) for one in (longest, *equal))
    if not confirming or min(map(_accuracy, confirming)) <= reached:
        return None
    return max(confirming, key=lambda one: (_amount(one), _accuracy(one)))


def others(study: Study, chosen: Evaluation) -> Iterator[str]:
    """What is said of other trainings of the network: of a longer one that is worse, and of the
    best one if it is better."""
    numbered = [
        one
        for one in enumerate(numbered_trainings(study), start=1)
        if one[1].candidate_id == chosen.candidate_id and one[1].checkpoint is not None and one[1].confirms
    ]
    metric, minimised = chosen.metric, shown(chosen.metric, 1) < 0
    number, longest = max(numbered, key=lambda one: _amount(one[1]), default=(0, chosen))
    if chosen.fidelity.refit:
        yield "it was trained on the validation images too: the measures are those on the test images"
        if _amount(longest) > _amount(chosen):
            yield f"training {number} was longer ({longest.fidelity}): --training {number} exports that one"
        return
    if _amount(longest) > _amount(chosen) and _accuracy(longest) < _accuracy(chosen):
        yield (
            f"training {number} was longer ({longest.fidelity}), but its validation {words(metric)},"
            f" {as_text(metric, longest.accuracy)}, is {'higher' if minimised else 'lower'}: --training {number}"
            " exports that one"
        )
    number, top = max(numbered, key=lambda one: _accuracy(one[1]), default=(0, chosen))
    if _accuracy(top) > _accuracy(chosen):
        yield (
            f"training {number} of it reached a {'lower' if minimised else 'higher'} validation {words(metric)},"
            f" {as_text(metric, top.accuracy)}: --training {number} exports that one"
        )


def describe(training: Evaluation) -> str:
    """A training in one line: size, epochs, seed, accuracies."""
    fidelity = training.fidelity
    metric = training.metric
    tested = (
        "" if training.test_accuracy is None else f", test {words(metric)} {as_text(metric, training.test_accuracy)}"
    )
    head = f"{fidelity.size} px, {done(training)} epochs, seed {training.seed}"
    if fidelity.refit:
        return f"{head}, on training and validation images{tested}"
    return f"{head}: validation {words(metric)} {as_text(metric, training.accuracy)}{tested}"


def trial_in_words(trial: Evaluation) -> str:
    """What weights are that come from a trial of the search."""
    part = "all" if trial.fidelity.fraction == 1 else f"{trial.fidelity.fraction:.0%} of the"
    length = "" if trial.state is State.COMPLETE else f"{done(trial)} of {trial.fidelity.epochs} epochs, "
    return f"from one training of the search on {part} training images, {length}not confirmed"


def done(training: Evaluation) -> int:
    """Epochs that a training has had."""
    return training.fidelity.epochs if training.state is State.COMPLETE else training.curve[-1][0]


def _amount(training: Evaluation) -> float:
    """Pixels that a training saw, divided by the number of images."""
    fidelity = training.fidelity
    return fidelity.epochs * fidelity.fraction * fidelity.size**2


def _accuracy(training: Evaluation) -> float:
    return training.accuracy or 0.0
