"""The report in headless Chromium: it sorts, filters, links, explores and prints, and its console stays empty."""

import base64
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

ROOT = Path(__file__).parents[2]
WIDE, NARROW = (1280, 1000), (500, 900)  # Chromium's windows are at least 500 wide


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a frozen table, by the command."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    command = [sys.executable, "-m", "runners.report", "control", "--frozen", "--output", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def opened(browser, page):
    """The page, freshly loaded in a wide window; its console must be empty at the end."""
    browser.set_window_size(*WIDE)
    browser.get_log("browser")
    browser.get(page.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def until(happens, seconds=10):
    """Whether this is so, or becomes so in time: a chart is drawn a moment after it was asked for."""
    end = time.monotonic() + seconds
    while not happens() and time.monotonic() < end:
        time.sleep(0.05)
    return happens()


def table(opened, number=0):
    return opened.find_elements(By.CSS_SELECTOR, "#control-table-verdicts div.table")[number]


def cells(box, column):
    rows = box.find_elements(By.CSS_SELECTOR, "tbody tr")
    shown = [row for row in rows if row.is_displayed()]
    return [row.find_elements(By.TAG_NAME, "td")[column].text for row in shown]


def head(box, name):
    heads = box.find_elements(By.CSS_SELECTOR, "thead th")
    at = [other.text.split()[0] for other in heads].index(name)
    return at, heads[at]


def numbers(texts):
    return [float(text.split()[0].replace("−", "-")) for text in texts]


def test_nothing_is_fetched(opened):
    assert opened.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)") == []
    assert "Steeplechase" in opened.title


def test_numbers_sort_as_numbers_both_ways_and_by_key(opened):
    box = table(opened)
    at, column = head(box, "Difference" if "Difference" in box.text else "difference")
    before = numbers(cells(box, at))
    column.find_element(By.TAG_NAME, "button").click()
    assert numbers(cells(box, at)) == sorted(before) != before
    assert column.get_attribute("aria-sort") == "ascending"
    column.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert numbers(cells(box, at)) == sorted(before, reverse=True)
    assert column.get_attribute("aria-sort") == "descending"


def test_words_sort_as_words_and_one_column_at_a_time(opened):
    box = table(opened)
    head(box, "p")[1].find_element(By.TAG_NAME, "button").click()
    at, column = head(box, "method")
    column.find_element(By.TAG_NAME, "button").click()
    assert cells(box, at) == sorted(cells(box, at), key=str.lower)
    assert len(box.find_elements(By.CSS_SELECTOR, "th[aria-sort]")) == 1


def test_a_filter_leaves_the_rows_with_all_its_words(opened):
    box = table(opened)
    every = len(cells(box, 0))
    field = box.find_element(By.TAG_NAME, "input")
    field.send_keys("adam BETTER")
    left = [row.text.lower() for row in box.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
    assert 0 < len(left) < every and all("adam" in text and "better" in text for text in left)
    assert box.find_element(By.CSS_SELECTOR, ".count").text == f"{len(left)} of {every} rows"
    field.clear()
    field.send_keys("nobody has this", Keys.TAB)
    assert cells(box, 0) == []


def is_there(opened, name):
    """Whether this place is at the top of the window, or the window at the page's end."""
    top = opened.execute_script("return document.getElementById(arguments[0]).getBoundingClientRect().top", name)
    end = opened.execute_script("return window.scrollY + innerHeight >= document.documentElement.scrollHeight - 2")
    return abs(top) < 5 or end


def test_links_lead_to_their_places(opened):
    opened.execute_script("document.querySelectorAll('nav details').forEach(plan => plan.open = true)")
    links = opened.find_elements(By.CSS_SELECTOR, "nav a")
    assert len(links) > 10
    for link in links:
        link.click()
        name = link.get_attribute("href").partition("#")[2]
        assert until(lambda name=name: is_there(opened, name)), name


def test_the_keyboard_reaches_what_can_be_used(opened):
    opened.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert opened.switch_to.active_element.text == "Skip to the content"
    opened.execute_script("document.querySelector('#control-table-verdicts input').focus()")
    opened.switch_to.active_element.send_keys(Keys.TAB)
    assert opened.switch_to.active_element.get_attribute("role") == "region"
    opened.switch_to.active_element.send_keys(Keys.TAB)
    assert opened.switch_to.active_element.tag_name == "button"


def test_every_picture_is_drawn_and_every_download_is_whole(opened):
    widths = "return [...document.images].map((i) => i.complete ? i.naturalWidth : 0)"
    assert len(opened.execute_script(widths)) >= 6
    assert until(lambda: min(opened.execute_script(widths)) > 100)
    link = opened.find_element(By.CSS_SELECTOR, "#control-table-verdicts a[download='verdicts.csv']")
    content = base64.b64decode(link.get_attribute("href").partition(",")[2])
    assert content == (ROOT / "results/frozen/control/verdicts.csv").read_bytes()
    svg = opened.find_element(By.CSS_SELECTOR, "#control-figure-ranking a.shown").get_attribute("href")
    assert b"<svg" in base64.b64decode(svg.partition(",")[2])


def drawn(opened, side):
    """{name: y values} of the curves of a chart."""
    script = (
        "return Object.fromEntries((document.querySelector(arguments[0]).data ?? []).map((one) => [one.name, one.y]))"
    )
    return opened.execute_script(script, f".explorer .{side}")


def test_the_explorer_shows_what_is_chosen(opened):
    assert until(lambda: drawn(opened, "rates") and drawn(opened, "training"))
    first, training = drawn(opened, "rates"), drawn(opened, "training")
    form = opened.find_element(By.CSS_SELECTOR, ".explorer form")
    select = {name: Select(form.find_element(By.NAME, name)) for name in ("task", "optimizer", "measure", "rate")}
    summary = pd.read_csv(ROOT / "results/frozen/control/summary.csv")
    for key in ("task", "optimizer"):
        summary = summary[summary[f"{key}_label"] == select[key].first_selected_option.text]
    assert set(first) == set(summary["estimator_label"]) and all(len(values) == 5 for values in first.values())
    select["optimizer"].select_by_visible_text("sgd")
    assert until(lambda: drawn(opened, "rates") != first)
    select["rate"].select_by_index(1)
    assert until(lambda: drawn(opened, "training") != training)
    last = drawn(opened, "rates")
    form.find_element(By.NAME, "step").send_keys(Keys.HOME)
    assert until(lambda: drawn(opened, "rates") != last)
    start = drawn(opened, "rates")
    assert form.find_element(By.TAG_NAME, "output").text == "0"
    for values in start.values():
        assert len(set(values)) == 1, "at the start no rate has done anything yet"
    select["task"].select_by_index(1)
    assert until(lambda: "loss" in select["measure"].first_selected_option.text.lower())


def test_a_point_tells_its_numbers(opened):
    chart = opened.find_element(By.CSS_SELECTOR, ".explorer .training")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    points = ".scatterlayer .trace path.point"
    assert until(lambda: len(chart.find_elements(By.CSS_SELECTOR, points)) > 3)
    point = chart.find_elements(By.CSS_SELECTOR, points)[3]
    ActionChains(opened).move_to_element(point).perform()
    assert until(lambda: "16 seeds" in chart.find_element(By.CSS_SELECTOR, ".hoverlayer").text)


def test_a_phone_needs_no_sideways_scrolling(opened):
    opened.set_window_size(*NARROW)
    assert until(lambda: opened.execute_script("return document.documentElement.scrollWidth <= innerWidth"))
    sides = [opened.find_element(By.CSS_SELECTOR, f".explorer .{side}") for side in ("rates", "training")]
    assert until(lambda: len({side.rect["x"] for side in sides}) == 1), "the charts stand one below the other"


def test_on_paper_there_is_nothing_to_click(opened):
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        for what in ("nav", ".filter", ".explorer form", ".downloads"):
            assert not opened.find_element(By.CSS_SELECTOR, what).is_displayed(), what
        assert table(opened).find_element(By.TAG_NAME, "table").is_displayed()
        pdf = opened.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
        assert base64.b64decode(pdf).startswith(b"%PDF")
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_what_a_label_could_smuggle_in_does_not_run(browser, page, tmp_path):
    planted = "<img src='data:,' onerror='window.planted = 1'><script>window.planted = 2</script>"
    text = page.read_text(encoding="utf-8")
    for number, policy in enumerate(("Content-Security-Policy", "X-None")):
        other = tmp_path / f"{policy}.html"
        other.write_text(
            text.replace("</main>", planted + "</main>").replace("Content-Security-Policy", policy, 1), encoding="utf-8"
        )
        browser.get(other.as_uri())
        assert until(lambda number=number: (browser.execute_script("return window.planted ?? 0") > 0) == (number == 1))
    assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


def test_a_fault_in_the_page_would_be_seen(browser, tmp_path):
    """The console is really read: a page that throws has an entry."""
    (tmp_path / "bad.html").write_text("<script>throw new Error('planted')</script>", encoding="utf-8")
    browser.get((tmp_path / "bad.html").as_uri())
    assert any("planted" in entry["message"] for entry in browser.get_log("browser"))
