"""`nightfit tutorial`: the three tutorials of the article, run, and shown on one page."""

import webbrowser
from pathlib import Path

import typer

from data.address_space import require_address_space
from data.errors import CallError
from data.scratch import temporary_files
from data.settings import settings
from flows.command.folders import make_folder
from flows.command.output_formats import new_file
from flows.command.session import talking
from tasks.run.private import keep_private


def run_tutorial(out: Path | None, *, opened: bool) -> None:
    """Run each tutorial in its framework, print what it came to, and write the page."""
    from regressors.frameworks.workers import Workers
    from tasks.report.files import reports_folder
    from tasks.report.write import page_script
    from tasks.tutorial.lessons import learn, lessons
    from tasks.tutorial.page import result, tutorial_page

    if out is not None and not out.absolute().parent.is_dir():  # before a minute of fits
        raise CallError(
            f"There is no folder {out.absolute().parent}.",
            where=str(out),
            next_step="Name a file in a folder that you may write to.",
        )
    require_address_space()
    config = settings()
    with talking():
        keep_private(config)
    make_folder(config.home)
    todo = lessons()
    frameworks = [lesson.framework for lesson in todo]
    with (
        temporary_files(config.home),
        talking(),
        Workers(
            frameworks,
            home=config.home,
            time_limit=config.fit_time_limit,
            memory_limit=config.fit_memory_limit,
        ) as workers,
    ):
        waiting = [workers.submit(each.framework, learn, each) for each in todo]
        learnt = {}
        for lesson, fitting in zip(todo, waiting, strict=True):
            fit = workers.result(fitting)
            learnt[lesson.framework] = lesson, fit
            typer.echo(f"{lesson.title}. {' '.join(result(lesson, fit))}")
        page = tutorial_page(learnt, page_script(config.home))
    file = out or reports_folder(config.home) / "tutorial.html"
    if out is None:
        make_folder(file.parent)  # for this user alone, unlike a folder of his own
    with new_file(file) as stream:
        stream.write(page)
    typer.echo(file)
    if opened:
        webbrowser.open(file.absolute().as_uri())
