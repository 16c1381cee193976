"""The pretrained configurations that timm finds for the names that automl registers with it.

A configuration says how a network's input is prepared: its size, mean, standard deviation and so
on. timm looks for the dict `default_cfgs` in the module that a registered function names as its
own. This module imports no timm.
"""

from __future__ import annotations

from typing import Any

STAND_IN = ("in place of a candidate's own configuration, which is not known before the candidate is",)
"""The note that marks the configuration of `automl_network` as a stand-in.

timm's training script resolves a configuration before it makes the model and passes it on;
`timm_model.create` recognises the stand-in by this note and keeps only what differs from it.
"""

default_cfgs: dict[str, Any] = {"automl_network": {"notes": STAND_IN}}
"""Name in timm → configuration; `timm_model.name_in_timm` adds to it."""
