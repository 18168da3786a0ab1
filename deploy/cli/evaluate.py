"""The `evaluate` command: its options."""

from typing import Annotated

import typer

from deploy.cli.option import Json


def evaluate(
    data: Annotated[str, typer.Argument(help="A file, a folder, or the name of a data set.")],
    protocol: Annotated[
        str, typer.Option(help="How to split and rank: tgb, stream, chronological or random.")
    ] = "tgb",
    visible: Annotated[
        str | None,
        typer.Option(help="What a model has seen: online, lag=200, strict; else the protocol's rule."),
    ] = None,
    learning: Annotated[
        str | None,
        typer.Option(help="Weights stay frozen after training, or learn online; else the protocol's rule."),
    ] = None,
    new_only: Annotated[
        bool, typer.Option("--new-only", help="Rank only what the user has not had (tgb and stream).")
    ] = False,
    models: Annotated[
        str | None, typer.Option(help="Names, with commas; the usual ones when left out.")
    ] = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Also Riverwalk without each of its parts.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Runs of each model that learns weights.")] = 1,
    last: Annotated[
        float, typer.Option(min=0.01, max=0.4, help="Share of events in the chronological test.")
    ] = 0.1,
    part: Annotated[str, typer.Option(help="What is judged: validation, test or both.")] = "both",
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="Also candidates, newcomers, diversity, kinds of event and intervals."
        ),
    ] = False,
    loss: Annotated[
        str, typer.Option(help="What the item vectors learn by: softmax, bpr or nce.")
    ] = "softmax",
    negatives: Annotated[
        str, typer.Option(help="What they learn against: mixed, uniform, popularity or hard.")
    ] = "mixed",
    item_columns: Annotated[
        str, typer.Option(metavar="FILE", help="Explicit features of items, CSV or JSON lines, the id first.")
    ] = "",
    user_columns: Annotated[str, typer.Option(metavar="FILE", help="The same of users.")] = "",
    plot: Annotated[str | None, typer.Option(metavar="FILE.svg", help="Draw the figures.")] = None,
    json: Json = False,
) -> None:
    """Measure the ranking quality of models on a file, every figure with the trivial baselines beside it."""
    from deploy.evaluate import evaluation as body

    body.run(
        data,
        protocol=protocol,
        visible=visible,
        models=models,
        last=last,
        learning=learning,
        new_only=new_only,
        seeds=seeds,
        ablate=ablate,
        part=part,
        details=details,
        picture=plot,
        as_json=json,
        loss=loss,
        negatives=negatives,
        item_columns=item_columns,
        user_columns=user_columns,
    )
