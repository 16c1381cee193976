"""A whole network with the methods and attributes of timm's models.

Shape letters: b batch, c channels, h height, w width, f features, n features after the neck, k
classes.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from timm.layers import create_classifier
from timm.models import checkpoint_seq
from torch import nn

from .timm_private import group_before, taken_levels


class Network(nn.Module):
    """A trunk of named modules applied in order, a global pool, a neck where the head has one, a
    classifier.

    Args:
        trunk: modules by name, in order, bchw -> bfhw.
        stages: those of `trunk` that gradient checkpointing recomputes; each is an `nn.Sequential`.
        classifier_name: what the classifier is called ("fc", "classifier").
        feature_info: for every level of features, from the largest map to the last stage's,
            `num_chs`, `reduction` and `module`, as in timm.
        in_chans, num_features, num_classes, drop_rate, global_pool: as in timm.
        pretrained_cfg: input size, mean, standard deviation and so on, as in timm.
        neck: modules by name, in order, between the pool and the classifier: bf11 -> bn11.
        neck_features: n; None without a neck.
    """

    def __init__(
        self,
        *,
        trunk: Mapping[str, nn.Module],
        stages: Sequence[str],
        classifier_name: str,
        feature_info: Sequence[Mapping[str, Any]],
        in_chans: int,
        num_features: int,
        num_classes: int,
        drop_rate: float = 0.0,
        global_pool: str = "avg",
        pretrained_cfg: Mapping[str, Any] | None = None,
        neck: Mapping[str, nn.Module] | None = None,
        neck_features: int | None = None,
    ) -> None:
        super().__init__()
        self.stages: tuple[str, ...] = tuple(stages)
        self.classifier_name: str = classifier_name
        self.feature_info: list[dict[str, Any]] = [dict(info) for info in feature_info]
        self.in_chans: int = in_chans
        self.num_features: int = num_features
        self.num_classes: int = num_classes
        self.drop_rate: float = drop_rate
        self.pretrained_cfg: dict[str, Any] = dict(pretrained_cfg or {})
        self.default_cfg: dict[str, Any] = self.pretrained_cfg
        self.grad_checkpointing: bool = False
        self.trunk_names: tuple[str, ...] = tuple(trunk)
        self.neck_names: tuple[str, ...] = tuple(neck or {})
        self.neck_features: int | None = neck_features
        for name, module in {**trunk, **(neck or {})}.items():
            self.add_module(name, module)
        self.global_pool: nn.Module
        self.reset_classifier(num_classes, global_pool)
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise the weights: He initialisation over the fan-out, divided by the groups.

        Units that define `zero_init_last` then set the last scale of their residual branch to zero.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            zero_init_last = getattr(module, "zero_init_last", None)
            if callable(zero_init_last):
                zero_init_last()

    def get_classifier(self, name_only: bool = False) -> nn.Module | str:
        """The classifier, or its name."""
        return self.classifier_name if name_only else getattr(self, self.classifier_name)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier by one with `num_classes` outputs; 0 removes it.

        The pool stays if `global_pool` is None.

        Raises:
            ValueError: the pool gives another number of features than the neck takes; the network
                is unchanged.
        """
        if global_pool is None:
            global_pool = str(self.global_pool.pool_type)
        pool, head = create_classifier(self.neck_features or self.num_features, num_classes, pool_type=global_pool)[:2]
        times = pool.feat_mult()
        if self.neck_names and times != 1:
            raise ValueError(
                f"the network's neck is made for {self.num_features} pooled features, but global_pool={global_pool!r}"
                f" gives {times} times as many"
            )
        self.num_classes, self.global_pool = num_classes, pool
        self.head_hidden_size: int = (self.neck_features or self.num_features) * times
        reference = next(self.parameters())
        setattr(self, self.classifier_name, head.to(reference.device, reference.dtype))
        for module in (self.global_pool, self.get_submodule(self.classifier_name)):
            module.train(self.training)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute the stages' activations in the backward pass instead of keeping them."""
        self.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Return further parameters without weight decay: none.

        timm itself excludes parameters of one dimension.
        """
        return set()

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return the layer groups for layer-wise learning rates, as in timm.

        Modules after the stages belong to the group of the last unit; the classifier has its own.
        """
        places = [index for index, name in enumerate(self.trunk_names) if name in self.stages]
        first, last = (
            (places[0], places[-1]) if places else (len(self.trunk_names),) * 2
        )  # pruned to its stem, it has no stages
        before, after = self.trunk_names[:first], self.trunk_names[last + 1 :]
        blocks = r"^blocks\.(\d+)" if "blocks" in self.stages else r"^layer(\d+)"
        matches: list[tuple[str, Any]] = [(blocks if coarse else blocks + r"\.(\d+)", None)]
        if after:
            matches.append(("^" + "|^".join(after), group_before()))
        return {"stem": "^" + "|^".join(before), "blocks": matches}

    def forward_features(self, x_bchw: torch.Tensor) -> torch.Tensor:
        """Images to the last map, bchw -> bfhw."""
        x = x_bchw
        for name, module in self._steps():
            x = (
                checkpoint_seq(module, x)
                if self.grad_checkpointing and name.partition(".")[0] in self.stages
                else module(x)
            )
        return x

    def forward_head(self, x_bfhw: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """The last map to logits, bfhw -> bk, or to pooled features."""
        x_bf = self.global_pool(x_bfhw)
        if self.neck_names:
            pooled = bool(self.global_pool.pool_type)  # a pool of "" leaves the map
            x_bf11 = x_bf[:, :, None, None] if pooled else x_bf
            for name in self.neck_names:
                x_bf11 = getattr(self, name)(x_bf11)
            x_bf = x_bf11.flatten(1) if pooled else x_bf11
        if self.drop_rate:
            x_bf = nn.functional.dropout(x_bf, self.drop_rate, self.training)
        return x_bf if pre_logits else getattr(self, self.classifier_name)(x_bf)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        """Images to logits, bchw -> bk."""
        return self.forward_head(self.forward_features(x_bchw))

    def forward_intermediates(
        self,
        x: torch.Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Return the last map and the levels of `feature_info`, the largest map first; as in timm.

        Args:
            x: images, bchw.
            indices: the levels to return; a number n takes the last n, None all.
            norm: has no effect: every map is normalised.
            stop_early: stop after the last level asked for; the map returned with the levels is
                then that level's, or the last map if it is the last level.
            output_fmt: "NCHW".
            intermediates_only: return the list without the last map.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"output_fmt must be 'NCHW', but got {output_fmt!r}")
        levels = [info["module"] for info in self.feature_info]
        taken, last = taken_levels(len(levels), indices)
        wanted = {levels[index] for index in taken}
        ends = (
            {levels[last]}
            if stop_early and (intermediates_only or last < len(levels) - 1)
            else {levels[-1]}
            if intermediates_only
            else set()
        )
        intermediates = []
        for name, module in self._steps():
            checkpointed = self.grad_checkpointing and name.partition(".")[0] in self.stages
            x = checkpoint_seq(module, x) if checkpointed else module(x)
            if name in wanted:
                intermediates.append(x)
            if name in ends:
                break
        return intermediates if intermediates_only else (x, intermediates)

    def prune_intermediate_layers(
        self, indices: int | Sequence[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Remove the modules that the levels `indices` do not need; as in timm.

        The modules after the last level are removed. If there were any, or with `prune_head`, so
        are pool, neck and classifier. `prune_norm` also removes the head's convolution when the
        last level is the last stage.

        Returns:
            The indices of the levels in `feature_info`.
        """
        taken, last = taken_levels(len(self.feature_info), indices)
        level = self.feature_info[last]
        if (last < len(self.feature_info) - 1 or prune_norm or prune_head) and self._cut_after(level["module"]):
            self.num_features, prune_head = level["num_chs"], True
        if prune_head:
            for name in self.neck_names:
                delattr(self, name)
            self.neck_names, self.neck_features = (), None
            self.reset_classifier(0, "")
        return list(taken)

    def _steps(self) -> list[tuple[str, nn.Module]]:
        """List the trunk's modules by name; one that contains feature levels by its members."""
        steps: list[tuple[str, nn.Module]] = []
        for name in self.trunk_names:
            module = self.get_submodule(name)
            if any(info["module"].startswith(f"{name}.") for info in self.feature_info):
                steps += [(f"{name}.{index}", member) for index, member in module.named_children()]
            else:
                steps.append((name, module))
        return steps

    def _cut_after(self, level: str) -> bool:
        """Remove the trunk's modules after `level`; whether there were any."""
        name, _, index = level.partition(".")
        keep = self.trunk_names[: self.trunk_names.index(name) + 1]
        cut = self.trunk_names[len(keep) :]
        for each in cut:
            delattr(self, each)
        self.trunk_names, self.stages = keep, tuple(stage for stage in self.stages if stage in keep)
        whole = self.get_submodule(name)
        if index and isinstance(whole, nn.Sequential):
            setattr(self, name, whole[: int(index) + 1])
        return bool(cut) or len(self.get_submodule(name)._modules) < len(whole._modules)

    def __prepare_scriptable__(self) -> nn.Module:
        """Return the module that `torch.jit.script` compiles: the same modules in sequence.

        Names stay. TorchScript cannot read an attribute whose name is in a variable, as `forward`
        does.
        """
        row = OrderedDict((name, self.get_submodule(name)) for name in (*self.trunk_names, "global_pool"))
        if self.neck_names:
            pooled = bool(self.global_pool.pool_type)  # a pool of "" leaves the map
            row |= {"unflatten": nn.Unflatten(1, (self.num_features, 1, 1))} if pooled else {}
            row |= {name: self.get_submodule(name) for name in self.neck_names}
            row |= {"flatten": nn.Flatten(1)} if pooled else {}
        row["head_drop"] = nn.Dropout(float(self.drop_rate)).train(self.training)
        row[self.classifier_name] = self.get_submodule(self.classifier_name)
        scriptable = nn.Sequential(row)
        scriptable.training = self.training  # of the modules in it, as it was
        return scriptable
