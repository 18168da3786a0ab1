"""`riverwalk warm`: compile every kernel ahead."""

import typer

from deploy.cli.option import Json
from deploy.terminal.output import complain, show


def warm(json: Json = False) -> None:
    """Compile every kernel now, so that the first start takes no longer than others; does nothing where that is done."""
    from deploy.start import ahead

    try:
        told = ahead.compile_all()
    except ahead.BadKernel as exc:
        complain(exc)
        raise typer.Exit(1) from exc
    if json:
        show(told, True)
    elif told["compiled"]:
        print(f"compiled {told['compiled']} kernels in {told['seconds']} s, kept in {told['folder']}")
    else:
        print(f"all {told['kernels']} kernels are compiled, in {told['folder']}")
