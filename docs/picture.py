"""Makes docs/images/report.png, the picture in the README, of a report.

After a night on the bundled data:

    .venv/bin/nightfit report income_expenses --out report.html
    .venv/bin/python docs/picture.py report.html
"""

import shutil
import sys
from pathlib import Path

PICTURE = Path(__file__).resolve().parent / "images" / "report.png"
WIDTH, HEIGHT = 1120, 1180


def main() -> None:
    """Open the report that is named on the command line, and save what is on its first screen."""
    from playwright.sync_api import sync_playwright

    (report,) = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox"],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(Path(report).resolve().as_uri())
        page.locator(".live svg").first.wait_for()
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
