"""The registry of blocks, and blocks as plain data."""

import json
from dataclasses import dataclass

import pytest
from automl.blocks import (
    Attention,
    Block,
    Bottleneck,
    Cost,
    Eca,
    InputError,
    InvalidBlock,
    MBConv,
    Se,
    block_class,
    from_dict,
    names,
    register,
    to_dict,
)
from automl.blocks.block import blocks


def test_blocks_that_hold_blocks_go_through_json_and_back():
    for block in (
        MBConv(channels=24, attention=Se(reduced=4)),
        Bottleneck(channels=64, width=32, cardinality=4, attention=Eca()),
    ):
        assert from_dict(json.loads(json.dumps(to_dict(block)))) == block


def test_an_unknown_block_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="unknown attention 'ecca'; did you mean 'eca'"):
        block_class("ecca", Attention)


def test_a_unit_is_no_attention():
    with pytest.raises(InputError, match="unknown attention 'mbconv'"):
        block_class("mbconv", Attention)


def test_an_unknown_field_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'kernel_size'"):
        from_dict({"block": "eca", "kernel_sise": 3})


def test_a_missing_field_is_refused():
    with pytest.raises(InvalidBlock, match="channels"):
        from_dict({"block": "mbconv"})


def test_a_taken_name_is_refused_and_the_old_block_stays():
    with pytest.raises(InvalidBlock, match="'eca' is taken by Eca"):

        @register("eca")
        @dataclass(frozen=True)
        class Other(Attention):
            def cost(self, shape):
                return Cost()

            def build(self, shape):
                raise AssertionError

    assert block_class("eca", Attention) is Eca


def test_a_cell_of_a_notebook_that_runs_again_replaces_its_own_block_and_a_module_does_not():
    def cell(module: str, source: str = "gated") -> type[Attention]:
        @dataclass(frozen=True)
        class Gated(Attention):
            def cost(self, shape):
                return Cost()

            def build(self, shape):
                raise AssertionError

        Gated.__module__, Gated.__qualname__ = module, source
        return register("gated")(Gated)

    try:
        cell("__main__")
        again = cell("__main__")
        assert block_class("gated", Attention) is again
        with pytest.raises(InvalidBlock, match="'gated' is taken by gated of __main__"):
            cell("__main__", "another")
        blocks.known.pop("gated")
        cell("package")
        with pytest.raises(InvalidBlock, match="'gated' is taken by gated of package; package needs another one"):
            cell("package")
    finally:
        blocks.known.pop("gated", None)


def test_a_class_that_can_change_is_refused():
    with pytest.raises(InvalidBlock, match="frozen dataclass"):

        @register("thawed")
        @dataclass
        class Thawed(Attention):
            def cost(self, shape):
                return Cost()

            def build(self, shape):
                raise AssertionError

    assert "thawed" not in names(Block)
