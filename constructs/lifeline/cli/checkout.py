"""The checkout that this package is linked from, or that the current directory is: only there is a drill."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from typer.core import TyperGroup

from lifeline.cli.failure import Refused

HERE = Path(__file__).resolve()
"""In a checkout this file is constructs/lifeline/cli/checkout.py."""


def find_checkout() -> Path | None:
    """The current directory, or where the package is linked from; None when neither holds a drill."""
    # Not any folder above: an environment may lie in a checkout, and is not linked from it.
    linked_from = [one for one in HERE.parents if one / "constructs" / "lifeline" in HERE.parents]
    for folder in (Path.cwd(), *linked_from):
        if (folder / "drill" / "__main__.py").is_file() and (folder / "lab").is_dir():
            return folder
    return None


def load(name: str, checkout: Path) -> ModuleType:
    """A module of the checkout, such as `drill.recheck`. Raises Refused when it cannot be imported."""
    if str(checkout) not in sys.path:
        # At the end: nothing that lies in the current directory may hide an installed module.
        sys.path.append(str(checkout))
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise Refused(f"{name} needs what `make setup` installs in {checkout}: {error}.") from error
    found = Path(str(module.__file__)).resolve()
    if not found.is_relative_to(checkout.resolve()):
        raise Refused(f"{name} would come from {found}, which is not in the checkout {checkout}.")
    return module


class WithDrill(TyperGroup):
    """The root command. `drill` is a command of it where there is a checkout, loaded when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, sorted."""
        drill = [] if find_checkout() is None else ["drill"]
        return sorted([*super().list_commands(ctx), *drill])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name, or None."""
        checkout = find_checkout() if cmd_name == "drill" else None
        if checkout is None:
            return super().get_command(ctx, cmd_name)
        command = load("drill.__main__", checkout).command()
        command.name = "drill"
        return command
