"""Take the pictures of README and the tutorials: reports, Excel file, a search in a terminal.

    python experiments/pictures.py [--demo polar-detect-demo] [--tutorial tutorial] [--out FOLDER]

Needs Chromium with its driver, LibreOffice Calc and pdftoppm, fonts with Japanese characters, and
the results of `polar-detect demo` and of `tutorial_run.py`.

Reads: no data set. Takes: not noted.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text
from selenium import webdriver
from selenium.webdriver.common.by import By

_SIZE = (1100, 1180)
_N_COLOURS = 128
_TEXT = "hydraulic pump replaced, no leak found after test run"
_TERMINAL_COLUMNS = 100


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """Yield a headless browser whose window has the size of a picture."""
    options = webdriver.ChromeOptions()
    options.binary_location = _found("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    service = webdriver.ChromeService(_found("chromedriver"))
    started = webdriver.Chrome(options=options, service=service)
    try:
        yield started
    finally:
        started.quit()


def page(html: Path, png: Path, *, is_dark: bool = False, at: str = "") -> None:
    """Take a page's top, or the element of a CSS selector, in the light or the dark theme.

    Each in a browser of its own: after some pictures Chromium answers no more.
    """
    theme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
    width, height = _SIZE
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    with browser() as driver:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        driver.get(html.resolve().as_uri())
        if at:
            # The page scrolls smoothly, and would be taken on its way there.
            driver.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
            driver.find_element(By.CSS_SELECTOR, at).screenshot(str(png))
        else:
            driver.save_screenshot(str(png))
    _shrink(png)


def strip(png: Path) -> None:
    """Take what `polar-detect search` prints on a terminal with colours."""
    settings = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(_TERMINAL_COLUMNS)}
    settings.pop("NO_COLOR", None)
    command = ["polar-detect", "search", _TEXT]
    printed = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    console = Console(record=True, width=_TERMINAL_COLUMNS, file=io.StringIO())
    console.print(Text(f'$ polar-detect search "{_TEXT}"'))
    console.print(Text.from_ansi(printed.stdout))
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "strip.html"
        html.write_text(console.export_svg(title="polar-detect"), encoding="utf-8")
        page(html, png, at="svg")


def sheets(xlsx: Path, png: Path) -> None:
    """Take the top of the rows and the summary of a workbook, one below the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        to_pdf = ("--headless", "--convert-to", "pdf", "--outdir", name)
        office = [_found("soffice"), *to_pdf, str(xlsx)]
        subprocess.run(office, check=True, capture_output=True)
        pdf = folder / f"{xlsx.stem}.pdf"
        pages = [_found("pdftoppm"), "-png", "-r", "110", str(pdf), str(folder / "page")]
        subprocess.run(pages, check=True)
        first, *_, last = sorted(folder.glob("page*.png"))
        pictures = [_cropped(Image.open(path).convert("RGB")) for path in (first, last)]
    width = max(picture.width for picture in pictures)
    whole = Image.new("RGB", (width, sum(p.height for p in pictures) + 20), "white")
    whole.paste(pictures[0], (0, 0))
    whole.paste(pictures[1], (0, pictures[0].height + 20))
    whole.save(png)
    _shrink(png)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", type=Path, default=Path("polar-detect-demo"))
    parser.add_argument("--tutorial", type=Path, default=Path("tutorial"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "img")
    options = parser.parse_args()
    tutorial, out = options.tutorial, options.out
    out.mkdir(parents=True, exist_ok=True)
    report = options.demo / "work_orders_report.html"
    page(report, out / "report.png")
    page(report, out / "report_card.png", at=".card")
    page(tutorial / "orders.html", out / "orders.png")
    page(tutorial / "orders_ja.html", out / "orders_ja.png")
    page(tutorial / "orders_ja.html", out / "orders_ja_dark.png", is_dark=True, at=".card")
    page(tutorial / "bgl.html", out / "bgl.png", is_dark=True)
    page(tutorial / "machines.html", out / "machines.png", at=".card")
    strip(out / "search.png")
    sheets(tutorial / "orders_scored.xlsx", out / "orders_excel.png")


def _cropped(picture: Image.Image) -> Image.Image:
    """Return a picture without its white margin, and at most half as high as wide."""
    inverted = picture.convert("L").point(lambda grey: 255 - grey)
    left, top, right, bottom = inverted.getbbox() or (0, 0, *picture.size)
    return picture.crop((left, top, right, min(bottom, top + (right - left) // 2)))


def _shrink(png: Path) -> None:
    """Write a picture with few colours, as flat ones stay as they are."""
    own = Image.open(png).convert("RGB")
    own.quantize(_N_COLOURS, dither=Image.Dither.NONE).save(png, optimize=True)


def _found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        sys.exit(f"Got no {name} on this machine; expected it; install it.")
    return path


if __name__ == "__main__":
    main()
