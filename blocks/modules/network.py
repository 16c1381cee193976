"""A whole network under timm's model protocol, whatever its skeleton.

Shape letters: b batch, c channels, h height, w width, f features, n features after the neck, k classes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from timm.layers import create_classifier
from timm.models import checkpoint_seq
from torch import nn


class Network(nn.Module):
    """A trunk of named modules applied in order, a global pool, a neck where the head has one, a classifier.

    Args:
        trunk: modules by name, in order, bchw -> bfhw.
        stages: those of `trunk` that gradient checkpointing recomputes; each is an `nn.Sequential`.
        classifier_name: what the classifier is called ("fc", "classifier").
        feature_info: for every stage's output `num_chs`, `reduction` and `module`, as in timm.
        in_chans, num_features, num_classes, drop_rate, global_pool: as in timm.
        pretrained_cfg: input size, mean, standard deviation and so on, as in timm.
        neck: modules by name, in order, between the pool and the classifier: bf11 -> bn11.
        neck_features: n; None without a neck.
    """

    def __init__(
        self, *, trunk: Mapping[str, nn.Module], stages: Sequence[str], classifier_name: str, feature_info: Sequence[Mapping[str, Any]], in_chans: int,
        num_features: int, num_classes: int, drop_rate: float = 0.0, global_pool: str = "avg", pretrained_cfg: Mapping[str, Any] | None = None,
        neck: Mapping[str, nn.Module] | None = None, neck_features: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stages, self.classifier_name, self.feature_info = tuple(stages), classifier_name, [dict(info) for info in feature_info]
        self.in_chans, self.num_features, self.num_classes, self.drop_rate = in_chans, num_features, num_classes, drop_rate
        self.pretrained_cfg = self.default_cfg = dict(pretrained_cfg or {})
        self.grad_checkpointing = False
        self.trunk_names, self.neck_names, self.neck_features = tuple(trunk), tuple(neck or {}), neck_features
        for name, module in {**trunk, **(neck or {})}.items():
            self.add_module(name, module)
        self.global_pool: nn.Module
        self.reset_classifier(num_classes, global_pool)
        self.init_weights()

    def init_weights(self) -> None:
        """He initialisation over the fan-out (depthwise groups counted), residual branches starting at zero where their unit says so."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.01)
                nn.init.zeros_(module.bias)
        for module in self.modules():
            zero_init_last = getattr(module, "zero_init_last", None)
            if callable(zero_init_last):
                zero_init_last()

    def get_classifier(self, name_only: bool = False) -> nn.Module | str:
        """The classifier, or its name."""
        return self.classifier_name if name_only else getattr(self, self.classifier_name)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A new classifier of `num_classes` (0: none); the pool is kept where `global_pool` is None.

        Raises:
            ValueError: a pool that gives another width than the neck takes; the network stays as it is.
        """
        if global_pool is None:
            global_pool = str(self.global_pool.pool_type)
        pool, head = create_classifier(self.neck_features or self.num_features, num_classes, pool_type=global_pool)[:2]
        times = pool.feat_mult()
        if self.neck_names and times != 1:
            raise ValueError(f"the network's neck is made for {self.num_features} pooled features, but global_pool={global_pool!r} gives {times} times as many")
        self.num_classes, self.global_pool = num_classes, pool
        self.head_hidden_size = (self.neck_features or self.num_features) * times
        reference = next(self.parameters())
        setattr(self, self.classifier_name, head.to(reference.device, reference.dtype))

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute the stages' activations in the backward pass instead of keeping them."""
        self.grad_checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups for layer-wise learning rates, as in timm."""
        before = self.trunk_names[: self.trunk_names.index(self.stages[0])]
        blocks = r"^blocks\.(\d+)" if "blocks" in self.stages else r"^layer(\d+)"
        return {"stem": "^" + "|^".join(before), "blocks": blocks if coarse else blocks + r"\.(\d+)"}

    def forward_features(self, x_bchw: torch.Tensor) -> torch.Tensor:
        """Images to the last map, bchw -> bfhw."""
        x = x_bchw
        for name in self.trunk_names:
            module = getattr(self, name)
            if self.grad_checkpointing and name in self.stages and not torch.jit.is_scripting():
                x = checkpoint_seq(module, x, flatten=isinstance(module[0], nn.Sequential))
            else:
                x = module(x)
        return x

    def forward_head(self, x_bfhw: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """The last map to logits, bfhw -> bk, or to pooled features."""
        x_bf = self.global_pool(x_bfhw)
        if self.neck_names:
            x_bf11 = x_bf if x_bf.dim() == 4 else x_bf[:, :, None, None]  # a pool of "" leaves the map
            for name in self.neck_names:
                x_bf11 = getattr(self, name)(x_bf11)
            x_bf = x_bf11 if x_bf.dim() == 4 else x_bf11.flatten(1)
        if self.drop_rate:
            x_bf = nn.functional.dropout(x_bf, self.drop_rate, self.training)
        return x_bf if pre_logits else getattr(self, self.classifier_name)(x_bf)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        """Images to logits, bchw -> bk."""
        return self.forward_head(self.forward_features(x_bchw))
