"""Renews the results shown in these pages.

    python docs/renew.py [figures] [example] [notebooks] [pictures]

Tables of figures, the output of the README's first example, outputs of notebooks, the README's
pictures.  Run it after a benchmark, and when the answers of the linker have changed.  It needs the
extra ``test``, and Chromium with its driver for the pictures.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from figures import PAGES, renewed
from nbclient import NotebookClient
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder

from concept_linker import ConceptLinker

DOCS = Path(__file__).parent
#: CC BY: J Med Case Rep 4:223 (2010), figure 1, PMC2919552.
CAPTION = (
    "Gadolinium-enhanced magnetic resonance imaging (MRI) of the abdomen at infrarenal level "
    "showing abdominal wall veins and absence of the inferior vena cava. AA, abdominal aorta"
)
HOVERED = "AA"
WIDTH, SCALE, COLOURS = 840, 2, 96
EXAMPLE = re.compile(
    r"^```python\n(?P<code>.*?)^```\n\n```text\n(?P<output>.*?)^```", re.DOTALL | re.MULTILINE
)
PAGE = """<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<style>body {{ margin: 12px; background: light-dark(#fff, #0d1117) }}</style>{view}"""


def figures() -> None:
    """Makes the tables of figures again."""
    for page in PAGES:
        page.write_text(renewed(page.read_text("utf-8")), "utf-8")


def example() -> None:
    """Runs the README's first example and puts its output below it."""
    readme = DOCS.parent / "README.md"
    page = readme.read_text("utf-8")
    found = EXAMPLE.search(page)
    if found is None:
        raise SystemExit(f"{readme}: expected a python block, then a text block with its output")
    call = [sys.executable, "-c", found["code"]]
    printed = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    start, end = found.span("output")
    readme.write_text(page[:start] + printed + page[end:], "utf-8")


def notebooks() -> None:
    """Runs the notebooks and stores their outputs in them."""
    for path in sorted((DOCS / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            place = {"metadata": {"path": folder}}
            NotebookClient(notebook, resources=place, coalesce_streams=True).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # the time of the run differs each time
        nbformat.write(notebook, path)


def pictures() -> None:
    """Takes pictures of the notebook view of a caption, light and dark."""
    view = ConceptLinker.load(detector="hybrid", quiet=True).link(CAPTION)._repr_html_()
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            page.write_text(PAGE.format(view=view), encoding="utf-8")
            for scheme in ("light", "dark"):
                _take(driver, page, scheme)
    finally:
        driver.quit()


def _take(driver: webdriver.Chrome, page: Path, scheme: str) -> None:
    """Takes one picture, high enough for the open table of candidates."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    _look(driver, 900)
    driver.get(page.as_uri())
    mentions = driver.find_elements("css selector", ".cl-m")
    mention = next(one for one in mentions if one.text.startswith(HOVERED))
    blank = ActionBuilder(driver, duration=0)
    blank.pointer_action.move_to_location(WIDTH - 1, 899)
    for _ in range(2):  # the page may not be laid out the first time, and open another table
        blank.perform()
        ActionChains(driver, duration=0).pause(0.3).move_to_element(mention).pause(0.3).perform()
    bottom = driver.execute_script(
        "return Math.max(...[...document.querySelectorAll('.cl-view, .cl-pop')]"
        ".map(e => e.getBoundingClientRect().bottom))"
    )
    _look(driver, int(bottom) + 16)
    with Image.open(io.BytesIO(driver.get_screenshot_as_png())) as picture:
        few = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
        few.save(DOCS / "images" / f"view-{scheme}.png", optimize=True)


def _look(driver: webdriver.Chrome, height: int) -> None:
    """Sets the size of the browser window."""
    metrics = {"width": WIDTH, "height": height, "deviceScaleFactor": SCALE, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


if __name__ == "__main__":
    parts = {one.__name__: one for one in (figures, example, notebooks, pictures)}
    for part in sys.argv[1:] or parts:
        parts[part]()
