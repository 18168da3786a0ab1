"""The `evaluate` command: its options are the fields of `EvaluationSettings`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
import typer

from deploy.cli.option import Json
from deploy.evaluate.setting import EvaluationSettings

Plot = Annotated[
    str | None,
    typer.Option("--plot", metavar="FILE.svg|FILE.png", help="Draw the figures (extra `plot`)."),
]


def options(settings: type[msgspec.Struct]) -> list[Parameter]:
    """Return a command's parameters for the fields of a struct: one without a default is an argument."""
    hints = get_type_hints(settings, include_extras=True)
    made = []
    for field in msgspec.structs.fields(settings):
        kind, *metas = get_args(hints[field.name])
        meta = next(one for one in metas if isinstance(one, msgspec.Meta))
        bounds: dict[str, Any] = {"min": meta.ge, "max": meta.le, **(meta.extra or {})}
        told = {name: value for name, value in bounds.items() if value is not None}
        if field.required:
            info: Any = typer.Argument(metavar=field.name.upper(), help=meta.description)
            default: Any = Parameter.empty
        else:
            flag = "--" + field.name.replace("_", "-")
            info, default = typer.Option(flag, help=meta.description, **told), field.default
        made.append(
            Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])
        )
    return made


def taking(
    settings: type[msgspec.Struct], **more: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a struct, which it gets as its first argument, and these others by name."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        names = settings.__struct_fields__

        def run(**given: Any) -> None:
            command(settings(**{name: given.pop(name) for name in names}), **given)

        own = inspect.signature(command).parameters
        others = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=own[name].default, annotation=kind)
            for name, kind in more.items()
        ]
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        every = [*options(settings), *others]
        run.__dict__["__signature__"] = inspect.Signature(every)
        run.__annotations__ = {one.name: one.annotation for one in every}
        return run

    return decorate


@taking(EvaluationSettings, plot=Plot, json=Json)
def evaluate(asked: EvaluationSettings, plot: str | None = None, json: bool = False) -> None:
    """Measure the ranking quality of models on a log, every figure with the trivial baselines beside it."""
    from deploy.evaluate import evaluation as body

    body.run(asked, picture=plot, as_json=json)
