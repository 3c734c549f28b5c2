"""The site in headless Chromium: its pages load and fit a phone, its search finds, and its console stays empty."""

import time

import pytest
from selenium.webdriver.common.by import By

from tests.helpers.site import built

WIDE, PHONE = 1280, 420
# What overflows its place, but for what scrolls in a box of its own.
OVERFLOWING = """
return [...document.querySelectorAll('article *')].filter((one) => {
  if (one.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let at = one; at; at = at.parentElement)
    if (getComputedStyle(at).overflowX !== 'visible') return false;
  return true;
}).map((one) => one.tagName + ' ' + one.textContent.slice(0, 60));
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return built(tmp_path_factory.mktemp("site"))


def opened(browser, path, width=WIDE, query=""):
    """A page in a window of this width: windows themselves are never as narrow as a phone."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get_log("browser")
    browser.get(path.as_uri() + query)
    return browser


def until(happens, seconds=10):
    """Whether this is so, or becomes so in time."""
    end = time.monotonic() + seconds
    while not happens() and time.monotonic() < end:
        time.sleep(0.05)
    return happens()


def overflowing(browser):
    sideways = browser.execute_script("return document.documentElement.scrollWidth > innerWidth")
    return browser.execute_script(OVERFLOWING) + ["the page itself"] * sideways


def test_every_page_loads_whole_and_fits_a_phone_and_a_screen(browser, site):
    for path in sorted(site.rglob("*.html")):
        for width in (WIDE, PHONE):
            opened(browser, path, width)
            assert "Steeplechase" in browser.title, path
            assert not overflowing(browser), (path, width)
            empty = (
                "return [...document.images].filter((one) => one.complete && !one.naturalWidth).map((one) => one.src)"
            )
            assert not browser.execute_script(empty), path
            assert browser.get_log("browser") == [], path


def test_what_overflows_would_be_seen(browser, tmp_path):
    page = tmp_path / "wide.html"
    page.write_text("<article><p style='width: 900px'>wide</p></article>", encoding="utf-8")
    assert len(overflowing(opened(browser, page, PHONE))) == 2
    page.write_text("<article><div style='overflow: auto'><p style='width: 900px'>w</p></div></article>", "utf-8")
    assert not overflowing(opened(browser, page, PHONE))


def test_the_search_finds_a_word(browser, site):
    opened(browser, site / "search.html", query="?q=half_width")
    found = "#search-results li a"
    assert until(lambda: browser.find_elements(By.CSS_SELECTOR, found))
    assert any("reference/python" in one.get_attribute("href") for one in browser.find_elements(By.CSS_SELECTOR, found))
    opened(browser, site / "search.html", query="?q=nobodywritesthis")
    assert until(lambda: "did not match" in browser.find_element(By.ID, "search-results").text)


def test_a_block_of_code_can_be_copied(browser, site):
    opened(browser, site / "ten-minutes.html")
    assert until(lambda: len(browser.find_elements(By.CSS_SELECTOR, "button.copybtn")) > 6)
    code = browser.find_element(By.CSS_SELECTOR, ".highlight-python pre").text
    assert code.startswith("# my_slope.py") and "\u00a0" not in code


def test_on_a_phone_a_figure_scrolls_in_its_own_box(browser, site):
    opened(browser, site / "estimators.html", PHONE)
    box = browser.find_element(By.CSS_SELECTOR, "article p:has(> img)")
    wide, shown = (browser.execute_script(f"return arguments[0].{key}", box) for key in ("scrollWidth", "clientWidth"))
    assert wide > 1.5 * shown
