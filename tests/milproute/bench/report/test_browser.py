"""The report in a browser: it draws, filters, sorts, opens a cell, asks nobody, and logs no error."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.records import MACHINE, many, record, spec, write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

for package in ("pandas", "pyarrow", "plotly", "jinja2"):
    pytest.importorskip(package, reason=f"needs {package}")
webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")

from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

from milproute.bench.report.write import write_report  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
EVIL = "<script>alert(1)</script></script><img src=x onerror=alert(2)>"
FLAGS = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-background-networking",
    "no-first-run",
    "disable-component-update",
    "disable-sync",
    "window-size=1366,768",
)


pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="needs chromium and chromedriver: apt-get install chromium chromium-driver",
    ),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report with two rankings, a contradiction, a crash and names that are markup."""
    records = many(instances=3, seeds=2, points=12)
    laptop = MACHINE.changed(name=EVIL, cpu="Core i5", cores=4)
    liar = record(spec(instance=EVIL, instance_digest="e", solver="scip"), objective=5.0, bound=5.0)
    honest = record(spec(instance=EVIL, instance_digest="e"), log=f"{EVIL} the end of the log")
    nothing = {"objective": None, "bound": None, "verified": False, "size": None, "trace": ()}
    crash = record(spec(instance="crashed", instance_digest="c"), status="crash", message=EVIL, **nothing)
    there = record(spec(instance="there", instance_digest="t"), machine=laptop)
    folder = tmp_path_factory.mktemp("report") / "r"
    return write_report(write_folder(folder, [*records, liar, honest, crash, there], EVIL))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser: Any, page: Path) -> Iterator[Any]:
    """Open the page; when the test is over, no error may be on the console and no address asked for."""
    browser.get_log("performance")
    browser.get(page.as_uri())
    yield browser
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in asked
    assert [url for url in asked if not url.startswith((page.as_uri(), "data:", "blob:"))] == []


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def texts(browser: Any, selector: str) -> list[str]:
    return [element.text for element in browser.find_elements("css selector", selector)]


def wait_for(browser: Any, selector: str) -> Any:
    return WebDriverWait(browser, 20).until(lambda b: find(b, selector).is_displayed() and find(b, selector))


def column(browser: Any, number: int) -> list[str]:
    return texts(browser, f"#cell-table tbody td:nth-child({number})")


def choose(browser: Any, place: str, value: str) -> None:
    script = "const s = arguments[0]; s.value = arguments[1]; s.dispatchEvent(new Event(arguments[2]))"
    event = "input" if place == "#status" else "change"
    browser.execute_script(script, find(browser, place), value, event)


def test_every_figure_is_drawn(opened: Any) -> None:
    for name in ("solved", "profile", "gap"):
        assert len(opened.find_elements("css selector", f"#plot-{name} .scatterlayer .trace")) == 10, name
    assert len(opened.find_elements("css selector", "#plot-primal .barlayer .trace")) == 10
    for name in ("pair", "size"):
        assert opened.find_elements("css selector", f"#plot-{name} .scatterlayer .point"), name


def test_names_are_shown_as_they_are_and_never_run(opened: Any) -> None:
    assert find(opened, "h1").text == EVIL
    assert opened.title.startswith(EVIL)
    assert opened.find_elements("css selector", "img") == []
    assert EVIL in find(opened, "#contradictions").text


def test_gaps_that_say_nothing_are_dashes(browser: Any, tmp_path: Path) -> None:
    ends = {"zero": (0.0, 16.0), "proven": (-0.0, 0.0), "tiny": (1e-6, 3.0), "open": (4.0, 5.0)}
    cells = [
        record(spec(instance=name, instance_digest=name), status="time_limit", objective=best, bound=bound)
        for name, (best, bound) in ends.items()
    ]
    browser.get(write_report(write_folder(tmp_path / "r", cells)).as_uri())
    names, bests, gaps = (column(browser, number) for number in (2, 6, 8))
    assert dict(zip(names, zip(bests, gaps, strict=True), strict=True)) == {
        "zero": ("0", "–"),
        "proven": ("0", "0 %"),
        "tiny": ("0.000001", "> 1000 %"),
        "open": ("4", "25 %"),
    }


def test_the_filter_and_the_status_narrow_the_table(opened: Any) -> None:
    everything = find(opened, "#count").text
    assert everything == "124 of 124 cells"
    find(opened, "#filter").send_keys("PATH gurobi per-request")
    assert find(opened, "#count").text == "6 of 124 cells"
    assert set(column(opened, 3)) == {"path · per-request"}
    assert set(column(opened, 4)) == {"gurobi"}
    find(opened, "#filter").send_keys(Keys.CONTROL, "a", Keys.DELETE)
    choose(opened, "#status", "crash")
    assert column(opened, 2) == ["crashed"]
    choose(opened, "#status", "")
    assert find(opened, "#count").text == everything
    find(opened, "#filter").send_keys("no such cell")
    assert find(opened, "#count").text == "0 of 124 cells"


def test_a_click_on_a_title_sorts_and_a_second_one_turns_round(opened: Any) -> None:
    head = opened.find_elements("css selector", "#cell-table thead button")[8]
    head.click()
    rising = [float(text) for text in column(opened, 9)]
    assert rising == sorted(rising)
    assert len(rising) == 50
    head.click()
    falling = [float(text) for text in column(opened, 9)]
    assert falling == sorted(falling, reverse=True)
    assert max(rising) < min(falling)


def test_pages_turn(opened: Any) -> None:
    assert find(opened, "#page").text == "page 1 of 3"
    find(opened, "#next").click()
    find(opened, "#next").click()
    assert len(column(opened, 1)) == 24
    assert not find(opened, "#next").is_enabled()


def test_a_click_on_a_cell_shows_its_options_history_and_log(opened: Any) -> None:
    find(opened, "#filter").send_keys("onerror highs")
    find(opened, "#cell-table tbody tr").click()
    dialog = wait_for(opened, "#cell")
    assert find(opened, "#log").text == f"{EVIL} the end of the log"
    assert "time_limit\n60" in dialog.text
    assert "solver\nhighs" in dialog.text
    assert opened.find_elements("css selector", "#plot-cell .scatterlayer .trace")
    find(opened, "#close").click()
    assert not find(opened, "#cell").is_displayed()


def test_a_contradiction_leads_to_the_cell_that_is_wrong(opened: Any) -> None:
    find(opened, "#contradictions button").click()
    dialog = wait_for(opened, "#cell")
    assert "calls 5 optimal" in dialog.text
    assert "wrong_solution (reported as optimal)" in dialog.text


def test_any_configuration_is_set_against_any_other(opened: Any) -> None:
    choose(opened, "#pair-y", "9")
    assert find(opened, "#plot-pair .ytitle").text == "time of 10 (s)"
    assert "Tasks that both ran: 6;" in find(opened, "#pair-count").text


def test_the_legend_hides_a_configuration_in_all_figures(opened: Any) -> None:
    find(opened, "#legend button").click()
    assert len(opened.find_elements("css selector", "#plot-solved .scatterlayer .trace")) == 9
    assert len(opened.find_elements("css selector", "#plot-primal .barlayer .trace")) == 9


def test_another_ranking_redraws_all_figures(opened: Any) -> None:
    choose(opened, "#ranking", "2")
    assert texts(opened, "#legend button") == ["1 highs · by-source"]
    assert "Core i5" in find(opened, ".figure-settings").text
    assert len(opened.find_elements("css selector", "#plot-solved .scatterlayer .trace")) == 1


@pytest.mark.parametrize("width", [1366, 400])
def test_nothing_is_wider_than_the_window(opened: Any, width: int) -> None:
    size = {"width": width, "height": 768, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    script = "return document.documentElement.scrollWidth"
    assert WebDriverWait(opened, 10).until(lambda b: b.execute_script(script) <= width)
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
