"""Runs one job, in a worker or without any: builds the network, checks it against its cost, trains
or scores it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from ...blocks.errors import AutomlError, InputError
from ...spaces import Candidate
from ...spaces.candidates.fitted_strides import proxy_network
from ...studies import Purpose
from ...studies.store import StoreError
from ...studies.trained.checkpoint import load_from, save_to
from ..course.job import Job
from ..pretrained.source_weights import Source
from ..training.pixels import Pixels
from ..training.recipe import Recipe
from ..training.trainer import Trainer
from .place import Evaluate, Place
from .stores import store_of
from .timing import EPOCHS, UPDATES, timed, timed_epochs


class WrongCost(AutomlError):
    """A network was built whose parameters are not those its cost says: a fault of a block,
    recorded as FAIL."""


def steps(job: Job, place: Place, evaluate: Evaluate | None = None) -> Iterator[dict[str, Any]]:
    """Run `job`; yields the report of each epoch, as a worker sends it to the driver.

    Trials are evaluated by `evaluate` if it is given. Final trainings are always trained.
    """
    if job.timed:
        return _timing(job, place)
    if job.scores:
        return _scoring(job, place)
    if evaluate is None or job.purpose is Purpose.FINAL:
        return _training(job, place)
    return _evaluating(job, place, evaluate)


def _training(job: Job, place: Place) -> Iterator[dict[str, Any]]:
    trainer = begun(job, place.pixels, place.recipe, place.device, place.source)
    while not trainer.finished:
        report = trainer.epoch()
        keep_state(job, trainer)
        if trainer.finished:
            keep_weights(job, trainer, place.pixels)
        keep_trial(job, trainer, place.pixels, report.accuracy)
        yield {
            "epoch": report.epoch,
            "accuracy": report.accuracy,
            "loss": report.loss,
            "seconds": report.seconds,
            "images": report.images,
            "done": trainer.finished,
        }


def _scoring(job: Job, place: Place) -> Iterator[dict[str, Any]]:
    began = time.perf_counter()
    found = scored(job, place.pixels, place.device)
    yield {**_report(1, found[job.scores[0]], seconds=time.perf_counter() - began, done=True), "scores": found}


def _timing(job: Job, place: Place) -> Iterator[dict[str, Any]]:
    began = time.perf_counter()
    if place.device.type == "cuda":
        share = min(1.0, UPDATES * place.recipe.batch_size / place.pixels.count("train"))
        short = replace(job, fidelity=replace(job.fidelity, epochs=EPOCHS, fraction=share))
        whole = replace(place.recipe, low_size=1.0, low_fraction=1.0)
        found = timed_epochs(trainer_for(short, place.pixels, whole, place.device))
    else:
        trainer = trainer_for(job, place.pixels, place.recipe, place.device)
        found = timed(trainer, job.timed - (time.perf_counter() - began))
    yield {**_report(1, 0.0, seconds=time.perf_counter() - began, done=True), "timings": found}


def _evaluating(job: Job, place: Place, evaluate: Evaluate) -> Iterator[dict[str, Any]]:
    began = time.perf_counter()
    epoch = 0
    for epoch, accuracy in evaluate(job, place):
        if epoch > job.start:  # epochs before it was paused have been reported
            seconds, began = time.perf_counter() - began, time.perf_counter()
            yield _report(epoch, accuracy, seconds=seconds, done=epoch >= job.fidelity.epochs)
    if epoch < job.fidelity.epochs:
        raise AutomlError(f"an evaluator must report {job.fidelity.epochs} epochs, but it ended after {epoch}")


def _report(epoch: int, accuracy: float, *, seconds: float, done: bool) -> dict[str, Any]:
    return {"epoch": epoch, "accuracy": float(accuracy), "loss": 0.0, "seconds": seconds, "images": 0, "done": done}


def trainer_for(
    job: Job, pixels: Pixels, recipe: Recipe, device: torch.device | str, source: Source | None = None
) -> Trainer:
    """A trainer at the start of `job`, the network initialised from the job's seed, and from the
    weights of `source` as far as it has counterparts.

    Raises:
        InputError: no network can be built; recorded as FAIL.
        WrongCost: the built network has another number of parameters than costed; recorded as FAIL.
    """
    candidate = Candidate.from_spec(job.candidate)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        network = network_of(job, candidate).build(drop_rate=recipe.drop_rate, drop_path_rate=recipe.drop_path_rate)
    built = sum(parameter.numel() for parameter in network.parameters())
    if built != job.params:
        raise WrongCost(
            f"a network must have the parameters of its cost, but {candidate.id[:12]} was costed with {job.params:,}"
            f" and built with {built:,}; `automl cost --audit` names the block"
        )
    fidelity = job.fidelity
    if source is not None:
        from ..pretrained.initial_weights import begin

        epochs, size, fraction = fidelity.epochs, fidelity.size, fidelity.fraction
        begin(network, source, pixels, recipe, epochs=epochs, size=size, fraction=fraction, seed=job.seed)
    return Trainer(
        network,
        pixels,
        epochs=fidelity.epochs,
        size=fidelity.size,
        fraction=fidelity.fraction,
        recipe=recipe,
        seed=job.seed,
        device=device,
        metric=job.metric,
    )


def scored(job: Job, pixels: Pixels, device: torch.device | str) -> dict[str, float]:
    """The zero-cost scores that `job` asks of its network, from a batch that is the same for all of
    its seed.

    Raises:
        NoScore: it has none; recorded as FAIL.
        InputError: no network can be built; recorded as FAIL.
    """
    from ..scores import batch_of, scores_of

    images, labels = batch_of(pixels, job.fidelity.size, seed=job.seed)
    candidate = Candidate.from_spec(job.candidate)
    return scores_of(
        candidate, images, labels, names=job.scores, seed=job.seed, device=str(device), proxy=network_of(job, candidate)
    )


def network_of(job: Job, candidate: Candidate) -> Candidate:
    """The network that is built for `job`: the candidate, or at a smaller size the same with its
    strides fitted, if the fidelity asks for that. It has the candidate's weights."""
    fidelity = job.fidelity
    return proxy_network(candidate, fidelity.size, fidelity.smallest_map) if fidelity.smallest_map else candidate


def begun(
    job: Job, pixels: Pixels, recipe: Recipe, device: torch.device | str, source: Source | None = None
) -> Trainer:
    """A trainer where `job` is to begin: at its start, or after the epochs that were done before it
    waited.

    Raises:
        InputError: as `trainer_for`, or the state that was kept is missing, damaged, or another
            training's; recorded as FAIL.
        WrongCost: as `trainer_for`.
    """
    trainer = trainer_for(job, pixels, recipe, device, None if job.start else source)  # the state holds all weights
    if job.start:
        trainer.load_state_dict(load_from(store_of(job), job.state_file(job.start))["trainer"])
        if trainer.done_epochs != job.start:
            raise InputError(
                f"a training goes on after {job.start} epochs, but {job.state_file(job.start)} holds one of"
                f" {trainer.done_epochs}"
            )
    return trainer


def keep_state(job: Job, trainer: Trainer) -> None:
    """Write the state of a training at a rung, from which any worker can resume it."""
    if job.state is None or trainer.done_epochs not in job.rungs:
        return
    save_to(store_of(job), job.state_file(trainer.done_epochs), {"trainer": trainer.state_dict()})


def keep_weights(job: Job, trainer: Trainer, pixels: Pixels) -> None:
    """Write the trained weights where the job wants them, with what is needed to use them."""
    if job.checkpoint is not None:
        _write_weights(job.checkpoint, job, trainer, pixels)


def keep_trial(job: Job, trainer: Trainer, pixels: Pixels, accuracy: float) -> None:
    """Write the weights of a trial after an epoch, so that it can be handed over unconfirmed: if it
    is complete, or more accurate than those that are. The weights of the epoch before stay, since
    the time of the search may end before the driver has the report of this one."""
    if job.kept is None or not (trainer.finished or accuracy > job.above):
        return
    with suppress(OSError, StoreError):  # the search goes on without them
        _write_weights(job.kept_file(trainer.done_epochs), job, trainer, pixels)
        store_of(job).remove(job.kept_file(trainer.done_epochs - 2))


def _write_weights(name: str, job: Job, trainer: Trainer, pixels: Pixels) -> None:
    trained, size = network_of(job, Candidate.from_spec(job.candidate)), trainer.last_size
    answers = pixels.answers
    weights = {name: tensor.detach().cpu() for name, tensor in trainer.network_for_use().state_dict().items()}
    save_to(
        store_of(job),
        name,
        {
            "candidate": trained.spec,
            "weights": weights,
            "size": size,
            "epochs": trainer.done_epochs,
            "seed": job.seed,
            "mean": [float(value) for value in pixels.mean],
            "std": [float(value) for value in pixels.std],
            "preprocessing": pixels.preprocessing(size).to_dict(),
            **({} if answers is None or not answers.mean else {"targets": [list(answers.mean), list(answers.std)]}),
        },
    )
