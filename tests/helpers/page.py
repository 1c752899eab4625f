"""Prefect's page as a person uses it: the forms of a run, and a run that is watched to its end."""

from contextlib import contextmanager

from helpers.serving import chromium, log_in, wait_until

SIZE = {"width": 1400, "height": 1000}


@contextmanager
def logged_in(served):
    """Yield a browser in which somebody has logged in to the page of `nightfit serve`."""
    with chromium() as browser:
        context = browser.new_context(viewport=SIZE)
        page = context.new_page()
        page.goto(f"{served.page}/deployments")
        log_in(page, served.login)
        page.get_by_role("link", name="retrain").first.wait_for(timeout=60_000)
        page.close()
        yield context


def offered_by(served):
    """Return the names that Prefect's server takes for `dataset` and for `datasets`."""
    retrain = served.ask("deployments/name/retrain/retrain")["parameter_openapi_schema"]
    nightly = served.ask("deployments/name/nightly/nightly")["parameter_openapi_schema"]
    one, several = retrain["properties"]["dataset"], nightly["properties"]["datasets"]
    return one["enum"], several["items"]["enum"]


def wait_for_offer(served, *names):
    """Wait until runs of these datasets, which were declared just now, are not refused."""
    wait_until(lambda: all(set(names) <= set(offered) for offered in offered_by(served)))


class Form:
    """The form on which a run of a deployment is started."""

    def __init__(self, page):
        self.page = page
        page.locator(".schema-form-property").first.wait_for(timeout=60_000)

    def labels(self):
        """Return the names of the parameters from top to bottom."""
        shown = self.page.locator(".schema-form-property__label").all_inner_texts()
        return [label.removesuffix(" (Optional)") for label in shown]

    def field(self, name):
        """Return the part of the form that belongs to one parameter."""
        return self.page.locator(".schema-form-property").nth(self.labels().index(name))

    def explained(self, name):
        """Return what the form says about a parameter."""
        return self.field(name).locator(".schema-form-property__description").inner_text().strip()

    def offered(self, name):
        """Open the drop-down of a parameter, and return the choices that it offers."""
        options = self.page.get_by_role("option")
        if not options.count():  # a click on its text opens it and closes it again at once
            self.field(name).locator(".p-select-button__icon").click()
            options.first.wait_for()
        return options.all_inner_texts()

    def choose(self, name, *values):
        """Choose one value in a drop-down, or several where it allows for them."""
        for value in values:
            assert value in self.offered(name)
            self.page.get_by_role("option", name=value, exact=True).click()
        self.field(name).locator(".schema-form-property__label").click()  # away from the options
        chosen = self.field(name).locator(".p-select-button__control")
        wait_until(lambda: set(values) <= set(chosen.inner_text().split()))

    def switch(self, name):
        """Turn a parameter that is yes or no into its opposite."""
        switch = self.field(name).get_by_role("switch")
        before = switch.get_attribute("aria-checked")
        switch.click()
        wait_until(lambda: switch.get_attribute("aria-checked") != before)

    def enter_json(self, name, text):
        """Enter the JSON of a parameter instead of using its field."""
        self.field(name).locator(".schema-form-property-menu button").click()
        self.page.get_by_text("Use JSON input").click()
        self.field(name).locator("textarea").fill(text)

    def submit(self):
        """Submit the form; return the id of the run."""
        return _id_of_started(self.page, self.page.get_by_role("button", name="Submit").click)


def open_deployment(page, served, name):
    """Show the page of a deployment."""
    page.goto(f"{served.page}/deployments")
    page.get_by_role("link", name=name, exact=True).first.click()
    page.get_by_role("button", name="Run", exact=True).wait_for(timeout=60_000)


def custom_run(page, served, name):
    """Open the form of a deployment by Run > Custom run."""
    open_deployment(page, served, name)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").first.click()
    page.get_by_text("Validate parameters").wait_for(timeout=60_000)
    return Form(page)


def quick_run(page, served, name):
    """Start a run by Run > Quick run; return its id. The deployment must need no parameter."""
    open_deployment(page, served, name)
    page.get_by_role("button", name="Run", exact=True).click()
    return _id_of_started(page, page.get_by_text("Quick run").first.click)


def add_schedule(page, served, name, cron, **chosen):
    """Add a schedule to a deployment on its page, with parameters chosen in their drop-downs."""
    open_deployment(page, served, name)
    page.get_by_role("button", name="Schedule", exact=True).click()
    dialog = page.locator(".p-modal")
    dialog.get_by_role("button", name="Cron").click()
    dialog.locator(".cron-schedule-form__row input").first.fill(cron)
    for parameter, value in chosen.items():
        dialog.locator(".p-select-button__icon").last.click()
        page.get_by_role("option", name=parameter, exact=True).click()
        dialog.get_by_text("Parameter Overrides").click()  # away from the options
        Form(page).choose(parameter, value)
    with page.expect_response(lambda answer: "/schedules" in answer.url) as answer:
        dialog.get_by_role("button", name="Save").click()
    assert answer.value.ok, (answer.value.status, answer.value.text())


def open_run(page, served, run_id):
    """Show the page of a run."""
    page.goto(f"{served.page}/runs/flow-run/{run_id}")
    page.get_by_text("Logs", exact=True).first.wait_for(timeout=60_000)


def ended(served, run_id):
    """Wait until a run has ended, and return what Prefect's server knows of it."""
    return wait_until(lambda: _if_ended(served.ask(f"flow_runs/{run_id}")))


def _if_ended(run):
    return run if run["end_time"] else None


def _id_of_started(page, act):
    from playwright.sync_api import TimeoutError as NoAnswer

    try:
        with page.expect_response(lambda answer: "create_flow_run" in answer.url) as answer:
            act()
    except NoAnswer:
        raise AssertionError(f"the form was not sent: {page.inner_text('body')}") from None
    assert answer.value.ok, (answer.value.status, answer.value.text())
    return answer.value.json()["id"]
