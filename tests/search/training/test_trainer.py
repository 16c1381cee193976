"""Training learns, and says so when it cannot."""

from __future__ import annotations

import math

import pytest
import torch
from automl.blocks.errors import Diverged, InputError
from automl.search.training.recipe import OPTIMIZERS, SCHEDULES
from automl.search.training.train_loop import train
from automl.search.training.trainer import Trainer
from torch import nn

RATES = {"sgd": 0.05, "adamw": 0.01, "nadamw": 0.01, "lamb": 0.03, "lion": 0.002, "rmsproptf": 0.003, "muon": 0.01}


class Recorder(nn.Module):
    """Notes the batches that it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(1, 3)
        self.batches: list[torch.Tensor] = []

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.batches.append(x_bchw)
        return self.fc(x_bchw.mean(dim=(2, 3)))


class TestLearning:
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_every_optimiser_learns_a_separable_task(self, toy, tiny, recipe, optimizer):
        reports = list(
            train(
                tiny(),
                toy(),
                epochs=6,
                size=8,
                recipe=recipe(optimizer=optimizer, learning_rate=RATES[optimizer]),
                seed=0,
            )
        )
        assert reports[-1].accuracy >= 0.9
        assert reports[-1].loss < reports[0].loss

    def test_shuffled_labels_are_not_learned(self, toy, tiny, recipe):
        *_, last = train(tiny(), toy(shuffled=True), epochs=6, size=8, recipe=recipe(), seed=0)
        assert last.accuracy < 0.6  # a third by chance, of 60 images

    @pytest.mark.parametrize("schedule", SCHEDULES)
    def test_every_schedule_warms_up_to_the_rate_and_ends_where_it_should(self, toy, tiny, recipe, schedule):
        trainer = Trainer(tiny(), toy(), epochs=6, size=8, recipe=recipe(schedule=schedule, warmup=1.0), seed=0)
        rates = []
        step = trainer._optimizer.step
        trainer._optimizer.step = lambda *args, **kwargs: (
            rates.append(trainer._optimizer.param_groups[0]["lr"]),
            step(*args, **kwargs),
        )[1]
        while not trainer.finished:
            trainer.epoch()
        assert len(rates) == 6 * 8
        assert 0 < rates[0] < 0.02
        assert rates[:8] == sorted(rates[:8])
        assert max(rates) == pytest.approx(0.05, rel=0.15)  # a line has begun to fall
        assert rates[-1] == (0.05 if schedule == "constant" else pytest.approx(0, abs=0.002))

    def test_reports_count_epochs_and_images(self, toy, tiny, recipe):
        reports = list(train(tiny(), toy(), epochs=3, size=8, recipe=recipe(), seed=0))
        assert [report.epoch for report in reports] == [1, 2, 3]
        assert {report.images for report in reports} == {120}
        assert all(
            report.seconds > 0 and math.isfinite(report.loss) and 0 <= report.accuracy <= 1 for report in reports
        )

    def test_a_size_other_than_the_stored_one_is_trained(self, toy, tiny, recipe):
        *_, last = train(tiny(), toy(), epochs=4, size=12, recipe=recipe(), seed=0)
        assert last.accuracy >= 0.9

    def test_norms_and_biases_are_not_decayed(self, toy, tiny, recipe):
        network = tiny()
        trainer = Trainer(network, toy(), epochs=1, size=8, recipe=recipe(weight_decay=0.1), seed=0)
        decay = {
            id(parameter): group["weight_decay"]
            for group in trainer._optimizer.param_groups
            for parameter in group["params"]
        }
        assert {name: decay[id(parameter)] for name, parameter in network.named_parameters()} == {
            "conv1.weight": 0.1,
            "conv2.weight": 0.1,
            "fc.weight": 0.1,
            "bn1.weight": 0.0,
            "bn1.bias": 0.0,
            "bn2.weight": 0.0,
            "bn2.bias": 0.0,
            "fc.bias": 0.0,
        }

    def test_clipped_gradients_move_the_weights_less(self, toy, recipe):
        moved = []
        for clip in (None, 1e-3):
            linear = nn.Linear(64, 3)
            nn.init.zeros_(linear.weight)
            list(train(nn.Sequential(nn.Flatten(), linear), toy(), epochs=1, size=8, recipe=recipe(clip=clip), seed=0))
            moved.append(linear.weight.norm().item())
        assert moved[1] < moved[0] / 10

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
    def test_a_gpu_learns_the_same_task(self, toy, tiny, recipe):
        trainer = Trainer(tiny(), toy(device="cuda"), epochs=6, size=8, recipe=recipe(ema=0.9), seed=0, device="cuda")
        assert [trainer.epoch() for _ in range(6)][-1].accuracy >= 0.9
        again = Trainer(tiny(), toy(device="cuda"), epochs=6, size=8, recipe=recipe(ema=0.9), seed=0, device="cuda")
        again.load_state_dict(trainer.state_dict())
        assert again.finished


class TestBatches:
    @pytest.mark.parametrize("count", [2, 3, 5, 16, 17, 33, 65])
    @pytest.mark.parametrize("batch_size", [2, 16])
    def test_every_image_is_met_once_an_epoch_in_batches_of_nearly_equal_size(self, toy, recipe, count, batch_size):
        network = Recorder()
        trainer = Trainer(
            network, toy(train=count), epochs=1, size=8, recipe=recipe(batch_size=batch_size, shift=0.0), seed=0
        )
        assert trainer.epoch().images == count
        sizes = [len(batch) for batch in network.batches]
        assert min(sizes) >= 2
        assert max(sizes) <= max(batch_size, 3)
        assert max(sizes) - min(sizes) <= 1
        assert len(torch.unique(torch.cat(network.batches).flatten(1), dim=0)) == sum(sizes) == count

    def test_fewer_images_than_a_batch_are_trained(self, toy, tiny, recipe):
        *_, last = train(tiny(), toy(train=5), epochs=2, size=8, recipe=recipe(batch_size=64), seed=0)
        assert last.images == 5

    def test_a_single_image_is_refused(self, toy, tiny, recipe):
        with pytest.raises(InputError, match="at least 2 images, but got 1"):
            Trainer(tiny(), toy(train=1), epochs=1, size=8, recipe=recipe(), seed=0)

    def test_a_fraction_trains_on_that_many_images(self, toy, tiny, recipe):
        assert Trainer(tiny(), toy(), epochs=1, size=8, recipe=recipe(), seed=0, fraction=0.25).epoch().images == 30

    def test_batches_come_in_channels_last_and_normalised(self, toy, recipe):
        network = Recorder()
        Trainer(network, toy(), epochs=1, size=8, recipe=recipe(), seed=0).epoch()
        batch = torch.cat(network.batches)
        assert all(b.is_contiguous(memory_format=torch.channels_last) for b in network.batches)
        assert abs(batch.mean().item()) < 0.1
        assert batch.std().item() == pytest.approx(1, abs=0.1)


class TestFailure:
    def test_a_loss_that_is_not_finite_is_said_with_its_epoch(self, toy, tiny, recipe):
        with pytest.raises(
            Diverged, match=r"the loss must be finite, but got (nan|inf) in epoch 1 of 3, at learning rate"
        ):
            list(train(tiny(), toy(), epochs=3, size=8, recipe=recipe(learning_rate=1e30), seed=0))

    def test_a_loss_that_breaks_in_the_last_update_is_still_found(self, toy, recipe):
        class BreaksLast(Recorder):
            def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
                logits = super().forward(x_bchw)
                return logits * math.nan if len(self.batches) == 8 else logits

        with pytest.raises(Diverged, match="epoch 1 of 1"):
            Trainer(BreaksLast(), toy(), epochs=1, size=8, recipe=recipe(), seed=0).epoch()

    def test_logits_that_are_not_finite_in_validation_are_no_accuracy(self, toy, recipe):
        class BreaksInEval(Recorder):
            def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
                logits = super().forward(x_bchw)
                return logits if self.training else logits / 0

        with pytest.raises(Diverged, match="after epoch 1 of 2"):
            Trainer(BreaksInEval(), toy(), epochs=2, size=8, recipe=recipe(), seed=0).epoch()

    @pytest.mark.parametrize(("setting", "value"), [("epochs", 0), ("size", 0), ("fraction", 0.0), ("fraction", 1.5)])
    def test_settings_out_of_range_are_refused(self, toy, tiny, recipe, setting, value):
        with pytest.raises(InputError, match=f"{setting}.* but got {value}"):
            Trainer(tiny(), toy(), **{"epochs": 1, "size": 8, "recipe": recipe(), "seed": 0, setting: value})

    def test_an_epoch_after_the_last_is_refused(self, toy, tiny, recipe):
        trainer = Trainer(tiny(), toy(), epochs=1, size=8, recipe=recipe(), seed=0)
        trainer.epoch()
        assert trainer.finished
        with pytest.raises(InputError, match="at most 1 times"):
            trainer.epoch()


class TestAveragedWeights:
    def test_they_are_what_is_evaluated_and_used(self, toy, tiny, recipe):
        trainer = Trainer(tiny(), toy(), epochs=3, size=8, recipe=recipe(ema=0.9), seed=0)
        *_, report = [trainer.epoch() for _ in range(3)]
        used = trainer.network_for_use()
        assert not used.training
        assert used is not trainer.network
        assert not torch.equal(used.fc.weight, trainer.network.fc.weight)
        used.fc.weight.data.zero_()
        used.fc.bias.data.copy_(torch.tensor([1.0, 0.0, 0.0]))
        assert report.accuracy > 0.5
        assert trainer._validate(3, 8) == pytest.approx(1 / 3)

    def test_they_are_averages_with_the_latest_running_means(self, toy, tiny, recipe):
        trainer = Trainer(tiny(), toy(), epochs=2, size=8, recipe=recipe(ema=0.9), seed=0)
        trainer.epoch()
        used = dict(trainer.network_for_use().named_buffers())
        assert all(torch.equal(used[name], latest) for name, latest in trainer.network.named_buffers())

    def test_without_them_the_network_itself_is_used(self, toy, tiny, recipe):
        network = tiny()
        trainer = Trainer(network, toy(), epochs=2, size=8, recipe=recipe(), seed=0)
        assert trainer.network_for_use() is network
        assert not network.training
        trainer.epoch()  # and goes on training from there
        assert trainer.done_epochs == 1

    def test_the_plain_loop_leaves_them_in_the_network(self, toy, tiny, recipe):
        network = tiny()
        list(train(network, toy(), epochs=2, size=8, recipe=recipe(ema=0.9), seed=0))
        trainer = Trainer(tiny(), toy(), epochs=2, size=8, recipe=recipe(ema=0.9), seed=0)
        while not trainer.finished:
            trainer.epoch()
        assert not network.training
        assert torch.equal(network.fc.weight, trainer.network_for_use().fc.weight)
        assert not torch.equal(network.fc.weight, trainer.network.fc.weight)
