"""The blocks that networks are made of: frozen descriptions that can be costed and built.

Importing this package registers every block that comes with automl, and imports no torch.
"""

from .block import Attention, Block, ConvAttention, Part, Unit, block_class, from_dict, names, register, to_dict
from .cbam import Cbam, Ecabam
from .cost import Cost
from .eca import Eca
from .errors import AutomlError, Diverged, InputError, Interrupted, InvalidBlock
from .inception import Inception
from .mobile import MBConv, Separable
from .plain import Plain, Projection
from .residual import Basic, Bottleneck
from .se import Se
from .shape import Shape
from .sk import Sk
from .stems import ConvHead, ConvStem, EfficientHead, PoolHead, ResNetStem

__all__ = [
    "Attention",
    "AutomlError",
    "Basic",
    "Block",
    "Bottleneck",
    "Cbam",
    "ConvAttention",
    "ConvHead",
    "ConvStem",
    "Cost",
    "Diverged",
    "Eca",
    "Ecabam",
    "EfficientHead",
    "Inception",
    "InputError",
    "Interrupted",
    "InvalidBlock",
    "MBConv",
    "Part",
    "Plain",
    "PoolHead",
    "Projection",
    "ResNetStem",
    "Se",
    "Separable",
    "Shape",
    "Sk",
    "Unit",
    "block_class",
    "from_dict",
    "names",
    "register",
    "to_dict",
]
