"""The report in a real browser: opened from disk, sorted, filtered, read without script."""

import itertools
import json
import os
import re
import shutil
from dataclasses import replace

import pytest
from bad_inputs import HOSTILE_TEXTS
from report_samples import DRIFT, HOSTILE, JAPANESE, listed, report, row
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from polar_detect.features.table import Feature
from polar_detect.report.content.data import CellReport, FlaggedCluster, FlaggedClusters
from polar_detect.report.formats.html import render_html
from polar_detect.report.report import Report
from polar_detect.signature.marks.spans import TokenLoss

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
N_ROWS = 30
BEYOND = "<img src='http://127.0.0.1:9/a.png'><script>console.error('seen')</script>"


def found(names, what):
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    if os.environ.get("CI"):  # there a skipped browser would hide a broken page
        pytest.fail(f"Got no {what} on this machine; expected one of {names}; install it.")
    return pytest.skip(f"no {what} on this machine")


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = found(BROWSERS, "browser")
    # The sandbox needs privileges that containers lack; /dev/shm is small there.
    arguments = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
    for argument in (*arguments, "--window-size=1200,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = found(("chromedriver",), "driver of a browser")
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens a page from disk, all earlier logs forgotten."""

    def open_page(html):
        path = tmp_path / "report.html"
        path.write_text(html, encoding="utf-8")
        browser.get_log("browser"), browser.get_log("performance")
        browser.get(path.as_uri())
        return browser

    return open_page


def sample(language="en", **changes):
    texts = [f"Order {i}: greased bearing {i}" for i in range(1, N_ROWS + 1)]
    texts[0] = HOSTILE + "<script>document.title = 'taken over'</script>"
    texts[1] = JAPANESE
    tokens = (TokenLoss(0, 3, 9.0), TokenLoss(3, 9, 1.0))
    rows = [
        row(i, text, score=10.0 - i, is_anomaly=i <= 12, tokens=tokens)
        for i, text in enumerate(texts, start=1)
    ]
    own = report(rows=rows[:5], listed=tuple(listed(r) for r in rows), n_flagged=12, drift=DRIFT,
                 **changes)  # fmt: skip
    return render_html(own, language)


def requests_of(browser):
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith(("file:", "data:"))]


def messages_with(browser, words):
    """Return the console's messages once one holds `words`: they arrive after the page."""
    met = []

    def has_arrived(_):
        met.extend(entry["message"] for entry in browser.get_log("browser"))
        return any(words in message for message in met)

    WebDriverWait(browser, 30).until(has_arrived)
    return " ".join(met)


def shown(browser):
    rows = browser.find_elements(By.CSS_SELECTOR, "#overview tbody tr")
    return [int(r.get_attribute("data-rank")) for r in rows if r.is_displayed()]


def button(browser, column):
    heads = browser.find_elements(By.CSS_SELECTOR, "#overview thead th")
    return next(h for h in heads if h.text.startswith(column)).find_element(By.TAG_NAME, "button")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_opens_from_disk_without_errors_and_without_a_network_request(opened, language):
    browser = opened(sample(language))
    assert browser.find_element(By.TAG_NAME, "h1").is_displayed()
    assert browser.title != "taken over"
    assert browser.get_log("browser") == []
    assert requests_of(browser) == []


def test_an_error_and_a_network_request_would_be_noticed(opened):
    browser = opened(f"<!DOCTYPE html><title>x</title>{BEYOND}")
    WebDriverWait(browser, 10).until(lambda _: requests_of(browser))
    assert "seen" in messages_with(browser, "seen")


def test_the_policy_of_the_page_keeps_foreign_scripts_and_requests_out(opened):
    browser = opened(sample().replace("</main>", BEYOND + "</main>"))
    errors = messages_with(browser, "Content Security Policy")
    assert "'seen'" not in errors.replace("console.error('seen')", "")
    assert shown(browser) == list(range(1, N_ROWS + 1))


def test_no_hostile_text_runs_anywhere_on_the_page_even_without_the_policy(opened):
    hostile = tuple(text for text in HOSTILE_TEXTS if len(text) < 1000)
    payload = next(text for text in hostile if "<img" in text)
    rows = [row(i, text, neighbours=hostile[-3:]) for i, text in enumerate(hostile, start=1)]
    own = report(rows=rows, listed=tuple(listed(r) for r in rows), n_rows=len(rows))
    html = render_html(replace(own, source=payload), "en")
    unguarded, n_cut = re.subn(r'<meta http-equiv="Content-Security-Policy".*?>', "", html)
    assert n_cut == 1
    browser = opened(unguarded)
    assert "owned" not in browser.title.replace(payload, "")
    assert requests_of(browser) == []
    assert browser.get_log("browser") == []
    ran = opened(unguarded.replace("</main>", payload + "</main>"))  # control
    WebDriverWait(ran, 10).until(lambda _: ran.title == "owned")


@pytest.mark.slow
def test_a_click_on_a_heading_sorts_and_a_second_one_turns_the_order(opened):
    browser = opened(sample())
    assert shown(browser) == list(range(1, N_ROWS + 1))
    browser.execute_script("document.getElementById('rows').scrollIntoView({behavior: 'instant'})")
    button(browser, "score").click()
    assert shown(browser) == list(range(1, N_ROWS + 1))  # highest first, as a reader expects
    button(browser, "score").click()
    assert shown(browser) == list(range(N_ROWS, 0, -1))
    head = browser.find_element(By.CSS_SELECTOR, "th[aria-sort]")
    assert (head.text[:5], head.get_attribute("aria-sort")) == ("score", "ascending")


def test_the_table_sorts_and_filters_from_the_keyboard(opened):
    browser = opened(sample())
    browser.execute_script("arguments[0].focus()", button(browser, "rank"))
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert shown(browser) == list(range(N_ROWS, 0, -1))
    field = browser.find_element(By.CSS_SELECTOR, "#filter input[type=search]")
    field.send_keys("軸受")
    assert shown(browser) == [2]
    field.send_keys(Keys.TAB + Keys.SPACE)
    assert browser.switch_to.active_element.is_selected()


def test_a_filter_hides_rows_and_cards_and_counts_what_is_left(opened):
    browser = opened(sample())
    browser.find_element(By.CSS_SELECTOR, "#filter input[type=checkbox]").click()
    assert shown(browser) == list(range(1, 13))
    state = browser.find_element(By.CSS_SELECTOR, "#filter output")
    assert state.text == "12 of 30 rows shown"
    browser.find_element(By.CSS_SELECTOR, "#filter input[type=search]").send_keys("Order 4 greased")
    assert shown(browser) == [4]
    cards = browser.find_elements(By.CSS_SELECTOR, "article.card")
    assert [card.get_attribute("id") for card in cards if card.is_displayed()] == ["rank-4"]
    assert state.text == "1 of 30 rows shown"


@pytest.mark.slow
def test_a_click_on_a_cluster_shows_its_rows(opened):
    found = (
        FlaggedCluster((1, 4, 6), 4, "Order 4", (), ("greased",)),
        FlaggedCluster((2, 3, 9), 3, "Order 3", (), ()),
    )
    browser = opened(sample(clusters=FlaggedClusters(found, 6, 0)))
    link = browser.find_element(By.CSS_SELECTOR, "#alike [data-cluster='2'] *")
    browser.execute_script(
        "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", link
    )
    link.click()
    assert shown(browser) == [2, 3, 9]
    choice = browser.find_element(By.CSS_SELECTOR, "#filter select")
    choice.send_keys(Keys.ARROW_UP)
    assert shown(browser) == [1, 4, 6]
    choice.send_keys(Keys.ARROW_UP)
    assert len(shown(browser)) == N_ROWS


def test_a_filter_finds_words_of_any_width_and_those_that_only_the_card_shows(opened):
    long = row(2, "greased the pump, " * 20 + "and its ﾍﾞｱﾘﾝｸﾞ A12")
    rows = [row(1), long, row(3, "ベアリング")]
    browser = opened(render_html(report(rows=rows, listed=tuple(listed(r) for r in rows))))
    field = browser.find_element(By.CSS_SELECTOR, "#filter input[type=search]")
    field.send_keys("ベアリング")
    assert shown(browser) == [2, 3]
    field.send_keys("\u3000Ａ１２")
    assert shown(browser) == [2]
    field.clear()
    field.send_keys("nothing of it")
    assert shown(browser) == []  # control


def test_without_scripts_everything_can_be_read_and_no_control_is_dead(opened):
    html = sample()
    disabled = "Emulation.setScriptExecutionDisabled"
    browser = opened("<title>empty</title>")
    browser.execute_cdp_cmd(disabled, {"value": True})
    try:
        opened(html)
        assert shown(browser) == list(range(1, N_ROWS + 1))
        assert not browser.find_element(By.ID, "filter").is_displayed()
        assert browser.find_elements(By.CSS_SELECTOR, "#overview button") == []
        assert len(browser.find_elements(By.CSS_SELECTOR, "article.card")) == 5
    finally:
        browser.execute_cdp_cmd(disabled, {"value": False})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_their_ground_in_both_themes(opened, theme):
    browser = opened(sample())
    feature = {"name": "prefers-color-scheme", "value": theme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    for selector in (
        "h1", ".lead", ".note", "td", "th button", ".pill.is-flagged", "a", "mark.most",
        ".unread", ".legend", "figcaption", "td.up", "td.down", ".tiles .is-flagged dd",
    ):  # fmt: skip
        ratio = browser.execute_script(CONTRAST, selector)
        assert ratio >= 4.5, (selector, ratio)
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 200) == (theme == "dark")


@pytest.fixture
def on_a_phone(browser):
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.usefixtures("on_a_phone")
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_narrow_screen_needs_no_sideways_scrolling(opened, language):
    browser = opened(sample(language))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


@pytest.mark.usefixtures("on_a_phone")
def test_a_narrow_screen_shows_where_a_row_is_whether_it_is_flagged_and_why(opened):
    browser = opened(sample())
    heads = browser.find_elements(By.CSS_SELECTOR, "#overview thead th")
    assert [head.text for head in heads if head.is_displayed()] == ["rank", "row", "score", "flag"]
    rows = browser.find_elements(By.CSS_SELECTOR, "#overview tbody tr")
    cells = [cell.text for cell in rows[2].find_elements(By.TAG_NAME, "td")]
    first, second, score, flag, why, text = [cell for cell in cells if cell]
    assert (first, second, score, flag) == ("3", "3", "7.00", "flagged")
    assert "little help from similar texts" in why
    assert text == "Order 3: greased bearing 3"
    browser.find_element(By.CSS_SELECTOR, "#filter input[type=search]").send_keys("軸受")
    assert shown(browser) == [2]


@pytest.mark.parametrize("width", [390, 1100])
def test_long_names_of_features_stand_below_each_other_beside_their_dots(opened, width):
    names = [f"Concrete compressive strength {i} (MPa, megapascals)/residual" for i in range(3)]
    (_, own) = report().swarms
    swarms = tuple(replace(own, feature=Feature("column", name)) for name in names)
    browser = opened(render_html(report(swarms=swarms)))
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        boxes = browser.execute_script(
            "return [...document.querySelectorAll('.swarm-label, .swarm-dots')]"
            ".map((part) => part.getBoundingClientRect().toJSON())"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    labels, dots = boxes[::2], boxes[1::2]
    assert len(labels) == 3
    for label, line in zip(labels, dots, strict=True):
        assert label["height"] > 30  # two lines or more
        beside = width > 500
        assert (label["right"] < line["left"]) == beside
        assert (label["bottom"] <= line["top"]) != beside
    for above, below in (*itertools.pairwise(labels), *itertools.pairwise(dots)):
        assert above["bottom"] <= below["top"]


@pytest.mark.usefixtures("on_a_phone")
def test_no_line_of_a_japanese_page_begins_with_a_mark_that_belongs_to_the_one_before(opened):
    words = "文エンコーダーの深さ、トークンっぽい文字ー" * 6
    browser = opened(render_html(report([row(1, words)]), "ja"))
    begun = browser.execute_script(LINE_STARTS)
    assert len(begun) > 50
    assert set(begun) & set("ーっゃゅょッャュョ、。）」") == set()


def test_the_line_of_the_threshold_strikes_no_caption_through(opened):
    browser = opened(sample())
    later = """const line = document.querySelector("line.threshold");
    return [...line.parentElement.querySelectorAll("text.caption:not(.threshold-label)")]
    .map((text) => line.compareDocumentPosition(text) === 4)"""
    over = browser.execute_script(later)
    assert len(over) == 3
    assert all(over)


def test_a_printed_table_repeats_its_heading_and_two_rows_share_a_page(opened):
    sheet = {"width": 695, "height": 1024, "deviceScaleFactor": 1, "mobile": False}  # A4, pixels
    browser = opened(sample())
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sheet)
    try:
        # Chromium repeats no heading that holds a button, or that may be broken.
        assert not any(b.is_displayed() for b in browser.find_elements(By.TAG_NAME, "button"))
        head = "return getComputedStyle(document.querySelector('#overview thead')).breakInside"
        assert browser.execute_script(head) == "avoid"
        box = "return arguments[0].getBoundingClientRect().height"
        cards = browser.find_elements(By.CSS_SELECTOR, ".card")
        heights = [browser.execute_script(box, card) for card in cards[2:]]  # of usual texts
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 695
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert max(heights) < 1024 / 2 - 10


@pytest.mark.parametrize("wide", [True, False])
def test_cells_of_many_words_leave_room_for_names_and_the_table_beside_them(opened, wide):
    words = "主軸から異音、振動大のため停止。保全へ連絡し、軸受の交換を待っているところ"
    cells = tuple(
        CellReport(
            column=name,
            says=words if wide else "4号機",
            levels=((words, 0.53), (words[::-1], 0.27), ("外観良好", 0.1)),
            beside={"プログラム": "O1401"},
            is_usual=False,
            part=4.0,
            start=0,
            stop=1,
        )
        for name in ("備考", "面粗さ Ra μm", "Prozesstemperatur")
    )
    rows = [row(1, cells=cells)]
    browser = opened(render_html(report(rows, listed=tuple(map(listed, rows))), "ja"))
    box = "return arguments[0].getBoundingClientRect().toJSON()"
    left, right = (
        browser.execute_script(box, table)
        for table in browser.find_elements(By.CSS_SELECTOR, ".evidence table")
    )
    assert left["right"] < right["left"]
    _, name, word = browser.find_elements(By.CSS_SELECTOR, ".cells tbody td:first-child")
    assert browser.execute_script(box, name)["width"] > 80  # not a character a line
    lines = """const text = document.createRange(); text.selectNodeContents(arguments[0]);
    return text.getClientRects().length"""
    assert browser.execute_script(lines, word) == 1  # a word stays whole


def test_in_a_notebook_links_of_a_report_stay_in_its_frame(opened):
    own = report(rows=[row(1, "Order 1", score=2.0)], listed=(listed(row(1, "Order 1")),))
    browser = opened(f"<!DOCTYPE html><title>notebook</title>{Report(own)._repr_html_()}")
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    for link, target in (("nav a[href='#rows']", "rows"), ("#overview tbody a", "rank-1")):
        element = browser.find_element(By.CSS_SELECTOR, link)
        browser.execute_script("arguments[0].click()", element)
        WebDriverWait(browser, 30).until(
            lambda b, name=target: b.execute_script("return location.hash") == f"#{name}"
        )
        assert browser.execute_script("return location.pathname") == "srcdoc"
        assert browser.find_element(By.ID, target).is_displayed()


@pytest.mark.usefixtures("on_a_phone")
def test_numbers_and_codes_stay_whole_on_a_phone(opened):
    values = ["25.003", "PB-250", "101325.0712"]
    cells = tuple(
        CellReport(
            column="外径寸法測定値（上側・ゲージ補正後） [mm]",
            says=says,
            levels=(("O1401", 0.53), ("O2207", 0.27)),
            beside={"品番": "PB-250"},
            is_usual=False,
            part=4.0,
            start=0,
            stop=1,
        )
        for says in values
    )
    rows = [row(1, cells=cells)]
    browser = opened(render_html(report(rows, listed=tuple(map(listed, rows))), "ja"))
    lines = """const text = document.createRange(); text.selectNodeContents(arguments[0]);
    return text.getClientRects().length"""
    shown = browser.find_elements(By.CSS_SELECTOR, ".cells tbody td:nth-child(2)")
    assert [cell.text for cell in shown] == values
    assert [browser.execute_script(lines, cell) for cell in shown] == [1, 1, 1]
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [320, 390])
def test_what_normal_rows_say_has_room_on_a_phone_whatever_the_part_of_score(opened, width):
    levels = ((("ok", 0.72), ("filter changed", 0.18)), (("Suzuki", 0.33), ("Tanaka", 0.23)))
    cells = tuple(
        CellReport(
            column=name,
            says="",
            levels=usual,
            is_usual=False,
            part=111.46,
            is_empty=True,
            start=0,
            stop=1,
        )
        for name, usual in zip(("Batch weight [kg]", "Operator"), levels, strict=True)
    )
    rows = [row(1, cells=cells)]
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    lines_of_words = r"""const node = arguments[0].firstChild;
    return [...node.data.matchAll(/[\S\u00a0]+/g)].map((found) => {
      const word = document.createRange();
      word.setStart(node, found.index);
      word.setEnd(node, found.index + found[0].length);
      return word.getClientRects().length;
    })"""
    opened("").execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser = opened(render_html(report(rows, listed=tuple(map(listed, rows)))))
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        for cell in browser.find_elements(By.CSS_SELECTOR, ".cells tbody td:nth-child(3)"):
            lines = browser.execute_script(lines_of_words, cell)
            assert len(lines) in {4, 5}
            assert set(lines) == {1}  # neither a word nor a share is broken
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_report_without_rows_opens_too(opened):
    calm = replace(report(rows=[]), n_flagged=0, swarms=())
    browser = opened(render_html(calm))
    assert "There is no row to show." in browser.find_element(By.ID, "rows").text
    assert browser.get_log("browser") == []


# The first character of every line of the page's texts.
LINE_STARTS = """
const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
const range = document.createRange(), begun = [];
while (texts.nextNode()) {
  const node = texts.currentNode;
  let before = null;
  for (let i = 0; i < node.length; i++) {
    range.setStart(node, i), range.setEnd(node, i + 1);
    const box = range.getBoundingClientRect();
    if (box.width && before !== null && box.top > before + 4) begun.push(node.data[i]);
    if (box.width) before = box.top;
  }
}
return begun;
"""
# Contrast ratio of an element's ink against the nearest ground that is not transparent (WCAG).
CONTRAST = """
const element = document.querySelector("main " + arguments[0]) ||
  document.querySelector(arguments[0]);
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const [r, g, b] = parts(colour).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
let ground = element;
while (ground && parts(getComputedStyle(ground).backgroundColor)[3] === 0)
  ground = ground.parentElement;
const a = light(getComputedStyle(element).color);
const b = light(getComputedStyle(ground || document.documentElement).backgroundColor);
return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
"""
