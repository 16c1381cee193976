"""A classifier of 3 classes: a convolutional network found by automl, as one file.

Cost      115k MACs, 53.5k parameters, 6.79k activations for an image of 1x18x18 (1 FLOP = 1 multiply-add; convolutions
          and linear layers count)
Accuracy  95.56 % on validation data, 98.22 % on test data
Trained   2 epochs on squares.npz at 12x12 pixels, seed 1
Origin    study tiny, candidate 4dd6672086d3; code copied from automl is under the Apache License 2.0
Needs     torch, timm

On the command line:

    python model.py [IMAGE ...] [--weights FILE]

From Python, in this folder:

    from model import classify, load

    network = load()
    classify(network, "image.png")
"""

from __future__ import annotations

import argparse
import io
import math
import random
import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.layers import DropPath, create_act_layer, create_classifier
from timm.models import checkpoint_seq
from timm.models._features import feature_take_indices
from timm.models._manipulate import MATCH_PREV_GROUP
from torch import nn

CLASSES = ("0", "1", "2")
SIZE = 12  # height and width in pixels of the images it was trained at
STEPS = ((12, "bicubic"),)  # each resize of an image's central square: side in pixels, Pillow's filter
LEVELS = None  # black and white of grey of more than 8 bits; None: 0 and 65535
MEAN = (0.2395116453989003,)
STD = (0.21107830592337526,)


# Attention modules: maps of bchw -> bchw, gated.
#
# Shape letters: b batch, c channels, h height, w width, r reduced channels; 1 an axis of length one.


class EfficientChannelAttention(nn.Module):
    """Gate every channel by a window over its neighbours on the channel axis."""

    def __init__(self, kernel_size: int, padding: str = "zeros") -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.conv = nn.Conv1d(1, 1, kernel_size, bias=False)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x_b1c = x_bchw.mean((2, 3)).unsqueeze(1)
        side = self.kernel_size // 2
        x_b1c = F.pad(x_b1c, (side, side), mode="circular") if self.padding == "circular" else F.pad(x_b1c, (side, side))
        gate_bc = self.conv(x_b1c).sigmoid().squeeze(1)
        return x_bchw * gate_bc[:, :, None, None]


# Activations by timm's names.


def activation_layer(name: str) -> nn.Module:
    """The activation called `name` ("silu", "relu", "hard_swish", ...), in place."""
    try:
        layer = create_act_layer(name, inplace=True)
    except KeyError:
        layer = None
    if layer is None:
        raise ValueError(f"an activation must be one of timm's, but got {name!r}")
    return layer


# Mobile units: the inverted residual (MBConv) and the depthwise-separable convolution, under timm's names.
#
# `mixed` takes the place of the depthwise convolution, with a normalisation and an activation of its own.
# Shape letters: b batch, c channels, h height, w width.


class InvertedResidual(nn.Module):
    """1×1 expansion, depthwise convolution (which holds the stride), attention, linear 1×1 projection."""

    def __init__(
        self, in_channels: int, channels: int, expanded: int, kernel: int = 3, stride: int = 1, activation: str = "silu",
        se: nn.Module | None = None, drop_path: float = 0.0, mixed: nn.Module | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_channels, self.channels, self.expanded, self.kernel, self.stride = in_channels, channels, expanded, kernel, stride
        self.activation = activation
        self.conv_pw = nn.Conv2d(in_channels, expanded, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(expanded)
        self.act1 = activation_layer(activation)
        self.mixed = mixed
        if mixed is None:
            self.conv_dw = nn.Conv2d(expanded, expanded, kernel, stride, kernel // 2, groups=expanded, bias=False)
            self.bn2 = nn.BatchNorm2d(expanded)
            self.act2 = activation_layer(activation)
        self.se = nn.Identity() if se is None else se
        self.conv_pwl = nn.Conv2d(expanded, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.act1(self.bn1(self.conv_pw(x_bchw)))
        y = self.act2(self.bn2(self.conv_dw(y))) if self.mixed is None else self.mixed(y)
        y = self.se(y)
        y = self.bn3(self.conv_pwl(y))
        return x_bchw + self.drop_path(y) if self.stride == 1 and self.in_channels == self.channels else y


class SeparableConv(nn.Module):
    """Depthwise convolution (which holds the stride), attention, 1×1 projection.

    `projection` "linear" leads to a residual where shapes agree, "activated" to an activation and no residual.
    """

    def __init__(
        self, in_channels: int, channels: int, kernel: int = 3, stride: int = 1, activation: str = "silu",
        se: nn.Module | None = None, drop_path: float = 0.0, projection: str = "linear", mixed: nn.Module | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_channels, self.channels, self.kernel, self.stride, self.activation = in_channels, channels, kernel, stride, activation
        self.projection = projection
        self.mixed = mixed
        if mixed is None:
            self.conv_dw = nn.Conv2d(in_channels, in_channels, kernel, stride, kernel // 2, groups=in_channels, bias=False)
            self.bn1 = nn.BatchNorm2d(in_channels)
            self.act1 = activation_layer(activation)
        self.se = nn.Identity() if se is None else se
        self.conv_pw = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.act2 = activation_layer(activation) if projection == "activated" else nn.Identity()
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.act1(self.bn1(self.conv_dw(x_bchw))) if self.mixed is None else self.mixed(x_bchw)
        y = self.se(y)
        y = self.act2(self.bn2(self.conv_pw(y)))
        residual = self.projection == "linear" and self.stride == 1 and self.in_channels == self.channels
        return x_bchw + self.drop_path(y) if residual else y


# A whole network under timm's model protocol, whatever its skeleton.
#
# Shape letters: b batch, c channels, h height, w width, f features, n features after the neck, k classes.


class Network(nn.Module):
    """A trunk of named modules applied in order, a global pool, a neck where the head has one, a classifier.

    Args:
        trunk: modules by name, in order, bchw -> bfhw.
        stages: those of `trunk` that gradient checkpointing recomputes; each is an `nn.Sequential`.
        classifier_name: what the classifier is called ("fc", "classifier").
        feature_info: for every level of features, from the largest map to the last stage's, `num_chs`, `reduction` and `module`, as in timm.
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
        for module in (self.global_pool, self.get_submodule(self.classifier_name)):
            module.train(self.training)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute the stages' activations in the backward pass instead of keeping them."""
        self.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Parameters without weight decay beside those of one dimension, which timm spares by itself: none."""
        return set()

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups for layer-wise learning rates, as in timm: what follows the stages is of the last unit's group, the classifier has its own."""
        places = [index for index, name in enumerate(self.trunk_names) if name in self.stages]
        first, last = (places[0], places[-1]) if places else (len(self.trunk_names),) * 2  # pruned to its stem, it has no stages
        before, after = self.trunk_names[:first], self.trunk_names[last + 1 :]
        blocks = r"^blocks\.(\d+)" if "blocks" in self.stages else r"^layer(\d+)"
        matches: list[tuple[str, Any]] = [(blocks if coarse else blocks + r"\.(\d+)", None)]
        if after:
            matches.append(("^" + "|^".join(after), MATCH_PREV_GROUP))
        return {"stem": "^" + "|^".join(before), "blocks": matches}

    def forward_features(self, x_bchw: torch.Tensor) -> torch.Tensor:
        """Images to the last map, bchw -> bfhw."""
        x = x_bchw
        for name, module in self._steps():
            x = checkpoint_seq(module, x) if self.grad_checkpointing and name.partition(".")[0] in self.stages else module(x)
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
        self, x: torch.Tensor, indices: int | Sequence[int] | None = None, norm: bool = False, stop_early: bool = False, output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:  # fmt: skip
        """Images to the last map and the levels of `feature_info` on the way, the largest first; as in timm.

        Args:
            x: images, bchw.
            indices: which levels; a number takes the last so many, None all.
            norm: nothing: every map is normalised.
            stop_early: go no further than the last level asked for; what is returned with it is then that map, or the last where it is the last level.
            output_fmt: "NCHW".
            intermediates_only: return the list without the last map.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"output_fmt must be 'NCHW', but got {output_fmt!r}")
        levels = [info["module"] for info in self.feature_info]
        taken, last = feature_take_indices(len(levels), indices)  # pyright: ignore[reportArgumentType]
        wanted = {levels[index] for index in taken}
        ends = {levels[last]} if stop_early and (intermediates_only or last < len(levels) - 1) else {levels[-1]} if intermediates_only else set()
        intermediates = []
        for name, module in self._steps():
            checkpointed = self.grad_checkpointing and name.partition(".")[0] in self.stages
            x = checkpoint_seq(module, x) if checkpointed else module(x)
            if name in wanted:
                intermediates.append(x)
            if name in ends:
                break
        return intermediates if intermediates_only else (x, intermediates)

    def prune_intermediate_layers(self, indices: int | Sequence[int] = 1, prune_norm: bool = False, prune_head: bool = True) -> list[int]:
        """Remove what the levels `indices` do not need, for good; returns their places in `feature_info`, as in timm.

        What follows the last level goes, and with it, or with `prune_head`, pool, neck and classifier. After the last stage that is the head's convolution,
        which `prune_norm` removes too.
        """
        taken, last = feature_take_indices(len(self.feature_info), indices)  # pyright: ignore[reportArgumentType]
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
        """The trunk's modules in order by name; where the levels are members of one, its members."""
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
        """What `torch.jit.script` compiles: the same modules in a row, names and all; TorchScript reads no attribute by a name in a variable."""
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


# From an image file to the pixels that a network sees: the one place where images are decoded, cropped and resized.
#
# Training reads its files by these functions and every exported model.py carries a copy of them, so both see the same
# pixels, to the bit.
# An image goes through the steps of `Preprocessing`: its largest central square is resized to the side of the first step,
# antialiased, and from there to each
# further side. Grey of more than 8 bits is scaled by the range of the training set, never clipped.
# Shape letters: h height, w width, c channels.


PLUGINS = {"pillow_heif": "register_heif_opener", "pillow_jxl": "", "pillow_avif": ""}
"""Packages that teach Pillow further kinds of files, and what registers each; importing the others is enough."""
DEEPEST = 65535.0
"""White of 16-bit grey where no range of a training set is known."""


def read_pixels(
    source: Image.Image | str | Path | IO[bytes], steps: Sequence[tuple[int, str]], channels: int, levels: tuple[float, float] | None
) -> NDArray[np.uint8]:
    """An image through all steps: its pixels (h, w, c), from 0 to 255.

    A file is read exactly as in training. An image that has been opened already is, too, but for a JPEG of twice the first side and more: its file is decoded
    at a fraction of its size, which is another rounding. Decoders raise what they like on damaged files (OSError, SyntaxError, struct.error ...).

    Raises:
        ValueError: it is too large to be decoded, or of a kind in which no value is known to be white.
    """
    square = read_square(source, steps[0][0], channels, steps[0][1])
    if square.mode == "F":
        square = Image.fromarray(levelled(np.asarray(square), levels or (0.0, DEEPEST))).convert("L" if channels == 1 else "RGB")
    for side, name in steps[1:]:
        square = resized(square, side, name)
    pixels = np.array(square)
    return pixels[..., None] if channels == 1 else pixels


def read_square(source: Image.Image | str | Path | IO[bytes], side: int, channels: int, name: str = "bicubic") -> Image.Image:
    """The largest central square of an image at `side` pixels: of mode L or RGB, or F, on a scale of its own, for grey of more than 8 bits.

    An image of several frames gives its first. What is transparent is laid on white. Photographs are turned upright.

    Raises:
        ValueError: as `read_pixels`.
    """
    if isinstance(source, Image.Image):  # the caller's own: neither changed nor closed
        return central_square(plain(upright(source), channels), side, name)
    with opened(source) as image:
        image.draft(None, (2 * side, 2 * side))  # JPEG is decoded at 1/2, 1/4 or 1/8; twice the side keeps the filter honest
        image.load()
        return central_square(plain(upright(image), channels), side, name)


def opened(source: str | Path | IO[bytes]) -> Image.Image:
    """An image file, not yet decoded, known by its content, whatever its name.

    Raises:
        ValueError: it has more pixels than Pillow takes for no decompression bomb.
        OSError: Pillow cannot read files of this kind.
    """
    register_plugins()
    image = Image.open(source)
    if isinstance(image, ImageFile.StubImageFile):  # known by its first bytes, and that is all
        image.close()
        raise Image.UnidentifiedImageError(f"cannot identify image file: {image.format} is not decoded here")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        size = f"{image.width}x{image.height}"
        image.close()
        raise ValueError(f"{size} pixels, more than the {limit} that are taken for no decompression bomb")
    return image


@cache
def register_plugins() -> None:
    """Let Pillow read what the installed packages of `PLUGINS` know, once."""
    for package, register in PLUGINS.items():
        with suppress(Exception):  # absent, or broken: then files of its kind cannot be read, which is said of each
            module = import_module(package)
            if register:
                getattr(module, register)()


def upright(image: Image.Image) -> Image.Image:
    """A copy of the image, turned or mirrored as the camera noted."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata is no reason to lose readable pixels: such an image stays as it lies
        return image.copy()


def plain(image: Image.Image, channels: int) -> Image.Image:
    """Any mode to L or RGB; grey of more than 8 bits to F, with its values as they are.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("grey values must be finite numbers")
        return Image.fromarray(values)
    if image.has_transparency_data:
        # Dropping alpha would show what was painted under it, often black on black. Premultiplied modes convert in two steps.
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGBA")).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")


def central_square(image: Image.Image, side: int, name: str = "bicubic") -> Image.Image:
    """The largest central square of `image`, resized to `side` by Pillow's filter of that name, antialiased where that shrinks.

    This is what resizing the shorter side and cropping gives, without ever holding a long strip at full length.
    """
    shorter = min(image.size)
    left, top = (image.width - shorter) // 2, (image.height - shorter) // 2
    return image.resize((side, side), Image.Resampling[name.upper()], box=(left, top, left + shorter, top + shorter), reducing_gap=3.0)


def resized(square: Image.Image, side: int, name: str) -> Image.Image:
    """A square at another side, by Pillow's filter of that name, antialiased where that shrinks."""
    return square.resize((side, side), Image.Resampling[name.upper()])


def levelled(values: NDArray[np.float32], levels: tuple[float, float]) -> NDArray[np.uint8]:
    """Values of any scale as 0 to 255: `levels` become the ends, what lies beyond is cut off."""
    low, high = levels
    return np.rint(np.clip((values.astype(np.float64) - low) * (255.0 / (high - low)), 0.0, 255.0)).astype(np.uint8)


def build() -> Network:
    """The network with random weights."""
    return Network(
        trunk={
            "conv_stem": nn.Conv2d(1, 8, kernel_size=3, stride=2, padding=1, bias=False),
            "bn1": nn.BatchNorm2d(8),
            "act1": nn.SiLU(inplace=True),
            "blocks": nn.Sequential(
                nn.Sequential(
                    SeparableConv(8, 8, se=EfficientChannelAttention(5, padding="circular")),
                ),
                nn.Sequential(
                    InvertedResidual(8, 8, expanded=16, stride=2, se=EfficientChannelAttention(5, padding="circular")),
                ),
                nn.Sequential(
                    InvertedResidual(8, 16, expanded=16, stride=2, se=EfficientChannelAttention(5, padding="circular")),
                ),
                nn.Sequential(
                    InvertedResidual(16, 24, expanded=32, stride=2, se=EfficientChannelAttention(5, padding="circular")),
                ),
                nn.Sequential(
                    InvertedResidual(24, 32, expanded=48, se=EfficientChannelAttention(5, padding="circular")),
                ),
                nn.Sequential(
                    InvertedResidual(32, 48, expanded=64, stride=2, se=EfficientChannelAttention(5, padding="circular")),
                ),
                nn.Sequential(
                    InvertedResidual(48, 80, expanded=96, se=EfficientChannelAttention(5, padding="circular")),
                ),
            ),
            "conv_head": nn.Conv2d(80, 320, kernel_size=1, bias=False),
            "bn2": nn.BatchNorm2d(320),
            "act2": nn.SiLU(inplace=True),
        },
        stages=("blocks",),
        classifier_name="classifier",
        feature_info=[
            {"num_chs": 8, "reduction": 2, "module": "blocks.0", "stage": 1},
            {"num_chs": 8, "reduction": 4, "module": "blocks.1", "stage": 2},
            {"num_chs": 16, "reduction": 8, "module": "blocks.2", "stage": 3},
            {"num_chs": 32, "reduction": 16, "module": "blocks.4", "stage": 5},
            {"num_chs": 80, "reduction": 32, "module": "blocks.6", "stage": 7},
        ],
        in_chans=1,
        num_features=320,
        num_classes=3,
        pretrained_cfg={
            "url": "",
            "architecture": "automl_network",
            "tag": "4dd6672086d3",
            "num_classes": 3,
            "input_size": (1, 12, 12),
            "pool_size": (1, 1),
            "crop_pct": 1.0,
            "interpolation": "bicubic",
            "mean": MEAN,
            "std": STD,
            "fixed_input_size": False,
            "first_conv": "conv_stem",
            "classifier": "classifier",
            "crop_mode": "center",
        },
    )


def load(path: str | Path | None = None) -> Network:
    """The trained network in eval mode; the weights lie beside this file unless `path` names another."""
    network = build()
    network.load_state_dict(load_file(path or Path(__file__).with_name("model.safetensors")))
    return network.eval()


def preprocess(image: Image.Image | str | Path) -> torch.Tensor:
    """An image or its path -> the network's input, (1, c, SIZE, SIZE), as in training; see `read_pixels`."""
    x_hwc = torch.from_numpy(read_pixels(image, STEPS, len(MEAN), LEVELS)).float()
    scale = torch.tensor([1 / (255 * std) for std in STD])
    shift = torch.tensor([-mean / std for mean, std in zip(MEAN, STD, strict=True)])
    return (x_hwc * scale + shift).permute(2, 0, 1).unsqueeze(0)


def classify(network: Network, image: Image.Image | str | Path, top: int = 3) -> list[tuple[str, float]]:
    """The `top` classes of an image, each with its probability, the most probable first."""
    with torch.inference_mode():
        probabilities = network(preprocess(image))[0].softmax(0)
    found = probabilities.topk(min(top, len(CLASSES)))
    return [(CLASSES[index], value) for value, index in zip(found.values.tolist(), found.indices.tolist(), strict=True)]


def main() -> None:
    """Classify the images named on the command line, or without any a synthetic one, to see that everything is in place."""
    parser = argparse.ArgumentParser(description="Classify images; without any, a synthetic one.")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="image files")
    parser.add_argument("--weights", metavar="FILE", help="default: model.safetensors beside this file")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a class may have a name that the terminal cannot show
    try:
        network = load(arguments.weights)
    except (OSError, RuntimeError, SafetensorError) as error:
        parser.error(f"the weights cannot be loaded: {error}")
    print(f"{sum(parameter.numel() for parameter in network.parameters()):,} parameters, {len(CLASSES)} classes, {SIZE}x{SIZE} pixels")
    noise = Image.frombytes("RGB", (SIZE, SIZE), random.Random(0).randbytes(3 * SIZE * SIZE))
    for name, image in [(path, path) for path in arguments.images] or [("synthetic image", noise)]:
        try:
            print(f"{name}:", ", ".join(f"{label} {probability:.1%}" for label, probability in classify(network, image)))
        except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises on files that are no images, or damaged
            parser.error(f"{name} cannot be read: {error}")


if __name__ == "__main__":
    main()
