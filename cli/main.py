"""The command `automl`.

Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted (143 by SIGTERM, 129 by SIGHUP).
An error is one line on standard error; `--debug` shows the traceback.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from typing import Annotated

import typer

from . import (
    cache,
    cost,
    data,
    doctor,
    encoding,
    grid,
    handover,
    references,
    report,
    scale,
    searching,
    spaces,
    studies,
    verify,
)
from .derived import Group
from .stopping import exit_code, raise_on_signals, told

app: typer.Typer = typer.Typer(
    name="automl",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help=(
        "Neural architecture search for image classification under a cost budget.\n\nOne FLOP is one multiply-add"
        " (MAC): convolutions and linear layers count; biases, normalisation, activations and pooling do not. Add"
        " --debug to any command for the traceback of an error."
    ),
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"automl {version('automl')}")
        raise typer.Exit


@app.callback()
def every(
    _: Annotated[
        bool, typer.Option("--version", help="Print automl's version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Options that stand before any command; typer shows the help above."""


searching.add_to(app)
grid.add_to(app)
scale.add_to(app)
references.add_to(app)
studies.add_to(app)
report.add_to(app)
verify.add_to(app)
handover.add_to(app)
spaces.add_to(app)
cost.add_to(app)
doctor.add_to(app)
data.add_to(app)
cache.add_to(app)


def run() -> None:
    """Entry point of the command."""
    raise_on_signals()
    encoding.install()
    plain = warnings.formatwarning
    warnings.formatwarning = lambda message, category, *place, **line: (
        f"warning: {message}\n" if category.__name__ == "PluginWarning" else plain(message, category, *place, **line)
    )
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:  # the pipe or the terminal was closed; what is in the buffer must not be tried again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        with encoding.shielded():
            result = app(args=arguments, prog_name="automl", standalone_mode=False)
        if result == exit_code(KeyboardInterrupt()):  # typer makes it of one that came before a search could take it
            raise told()
        return result if isinstance(result, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except SystemExit as error:
        # the reader closed the pipe (`| head -1`), which typer and rich turn into exit code 1
        return 0 if isinstance(error.__context__, BrokenPipeError) else int(error.code or 0)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt as error:
        _say("interrupted")
        return exit_code(error)
    except typer.Abort:  # an answer of no
        _say("nothing was done")
        return 1
    except Exception as error:
        if debug:
            raise
        return _failed(error)


def _failed(error: Exception) -> int:
    """Say what went wrong in one line, and with which exit code."""
    usage = getattr(error, "format_message", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(usage() if usage else error, file=sys.stderr)
        return 2
    if usage is not None and hasattr(error, "exit_code"):  # what typer raises for wrong usage
        _say(f"error: {usage()}")
        return 2
    from ..blocks.errors import AutomlError, InputError, Interrupted

    if isinstance(error, Interrupted):
        _say(str(error), whole=True)  # a command to type
        return error.code
    if isinstance(error, AutomlError):
        _say(f"error: {error}")
        return 2 if isinstance(error, InputError) else 1
    first = (str(error).strip().splitlines() or ["no message"])[0]
    _say(f"error: {type(error).__name__}: {first} (--debug shows where)")
    return 1


def _say(text: str, *, whole: bool = False) -> None:
    """Write one line to standard error, cut to the length of a message unless it is `whole`."""
    from .message import one_line

    with suppress(OSError):  # the terminal was closed
        print(one_line(text, whole=whole), file=sys.stderr)


if __name__ == "__main__":
    run()
