"""A driver of the study `tiny` at a URL: `driver.py URL SEED TRIALS` joins it, begins trials in an
order of its own as far as no other driver has begun them, and prints the numbers of those that it
has recorded. With a fourth argument it is killed in the middle of that many."""

from __future__ import annotations

import json
import os
import random
import signal
import sys

from automl.studies import Fidelity, Purpose, Study
from processes import record

url, seed, trials, *dies = sys.argv[1:]
study = Study.open(url, "tiny")
study.patience.seconds = 60.0
numbers = list(range(int(trials)))
random.Random(int(seed)).shuffle(numbers)
done: list[int] = []
with study.driven(join=True):
    assert study.lease is not None
    for number in numbers:
        key = f"{number:064x}", Fidelity(epochs=3, size=8).key, 0
        if study.lease.claim(key, Purpose.SEARCH, trials=int(trials)) == "mine":
            if dies and len(done) == int(dies[0]):
                os.kill(os.getpid(), signal.SIGKILL)
            record(study, number)
            done.append(number)
print(json.dumps(done))
