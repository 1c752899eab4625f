"""Prefect's page under `nightfit serve`, in a real browser: its forms, and the runs they start."""

from helpers.page import custom_run, ended, open_run


def test_run_of_the_form_is_watched_to_its_end(served, page):
    form = custom_run(page, served, "retrain")
    field = form.field("dataset").locator("textarea")
    while field.input_value() != "line":
        field.fill("line")
        page.wait_for_timeout(1_000)
    run_id = form.submit()
    open_run(page, served, run_id)
    run = ended(served, run_id)
    assert run["state_type"] == "COMPLETED", served.errors.read_text()
    assert run["parameters"]["dataset"] == "line"
