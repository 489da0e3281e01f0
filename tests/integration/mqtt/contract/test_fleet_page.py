"""The fleet page in Chromium, served by a real mosquitto and reading from it over WebSocket."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from mqtt.contract import messages
from mqtt.contract.messages import Publication
from tests.support import boxes, brokers, devtools
from tests.support.boxes import Box, Mouth, alarm, emptied, retained
from tests.support.brokers import Centre, Heard, WebBroker
from tests.support.devtools import Browser, Page

FLEET: Final = Path(__file__).parents[4] / "fleet"
DEADLINE_S: Final = 20.0
PLANTED_S: Final = 3.0
"""What a planted defect hides does not come later either."""

ROWS: Final = """
const cells = row => [...row.children].map(cell => cell.textContent.trim());
return Object.fromEntries([...document.querySelectorAll("#boxes tbody tr:not(.group)")].map(row =>
  [decodeURIComponent(row.querySelector("a").hash.slice(6)), {cells: cells(row), stale: row.classList.contains("stale"),
    grey: getComputedStyle(row.querySelector("a")).color, tone: row.dataset.tone}]));
"""
LINE: Final = """
const line = document.querySelector("#boxes a[href$=wenshan-main]")?.closest("tr");
return line && ["state", "alarms"].map(column => line.querySelector(`.${column}`).textContent.trim())
  .map(words => words.replace(/\\d\\d:\\d\\d/, "HH:MM"));
"""
NAME, STATE, LAST_HEARD, WORKING, COVERAGE, GAPS, KEPT, ALARMS, OPEN, CHECKPOINT = range(10)


DEFECTS: Final = (
    "birth不是 JSON", "cam/huge/health欄位 gaps_24h", "cam/inf/health欄位 fps", "cam/types/health欄位 state",
    "cam/other/health內容的 camera", "cam/list/health不是 JSON 物件", "retention欄位 ts", "storage/long欄位 path",
    "alarm/big超過 65536", "alarm/latin不是 UTF-8", "checkpoint不是 JSON 物件", "pin/1欄位 pin",
    "cam/faulty/health欄位 faults", "fault/F-1欄位 state", "fault/F-2內容的 fault", "maintenance欄位 cameras",
    "office欄位 overdue",
)  # fmt: skip


OF_1_3: Final = {name for name, field in messages.Office.model_fields.items() if field.is_required()}
"""Fields of `up/office` that each box says that says it."""
UP: Final = "edged/v1/wenshan-main/up"
RECEIVED: Final = "$SYS/broker/publish/bytes/received"


def told(heard: Heard) -> int:
    """Bytes of all payloads that were published to the broker, where that is what was heard."""
    return int(heard.payload) if heard.topic == RECEIVED else 0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def altered(folder: Path, file: str, *changes: tuple[str, str], page: Path = FLEET) -> Path:
    """The page with other words in some places."""
    page = shutil.copytree(page, folder / "fleet")
    script = (page / file).read_text()
    for good, other in changes:
        assert script.count(good) == 1
        script = script.replace(good, other)
    (page / file).write_text(script)
    return page


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that takes a broker for silent after half a second: what it keeps is told by then."""
    changes = ("ANSWER_MS = 1000", "ANSWER_MS = 500"), ("SETTLED_MS = 1500", "SETTLED_MS = 500")
    return altered(tmp_path_factory.mktemp("hasty"), "fleet.js", *changes)


@pytest.fixture
def web(tmp_path: Path, hasty: Path) -> Iterator[WebBroker]:
    with brokers.mosquitto_web(tmp_path, hasty, "sys_interval 1") as web:
        yield web


@pytest.fixture
def mouth(web: WebBroker) -> Iterator[Mouth]:
    with Mouth(web.broker.port) as mouth:
        yield mouth


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@asynccontextmanager
async def looked_at(browser: Browser, address: str) -> AsyncIterator[Page]:
    """The page as a viewer has it; when the viewer is done, no script and no policy has complained."""
    async with browser.opened("about:blank") as page:
        await page.listen()
        await page.visit(address)
        yield page
        await page.run("return 0")
        assert [one for one in page.complaints if "WebSocket connection to" not in one] == []


async def until(page: Page, script: str, wanted: Any = None, within_s: float | None = None) -> Any:
    """The answer of `script` once it is `wanted` (or true)."""
    deadline = time.monotonic() + (within_s or DEADLINE_S)
    while True:
        answer = await page.run(script)
        if answer == wanted or (wanted is None and answer):
            return answer
        assert time.monotonic() < deadline, f"{script} still says {answer!r}, not {wanted!r}"
        await asyncio.sleep(0.05)


async def rows(page: Page, count: int, within_s: float | None = None) -> dict[str, Any]:
    """The lines of all boxes, once there are so many and all are read."""
    await until(page, "return document.querySelectorAll('#boxes tbody tr:not(.group)').length", count, within_s)
    await until(page, "return document.querySelectorAll('#boxes tbody tr[data-tone=reading]').length", 0, within_s)
    found: dict[str, Any] = await page.run(ROWS)
    return found


def text(selector: str) -> str:
    return f"return document.querySelector({json.dumps(selector)}).textContent"


async def press(page: Page, key: str, **more: Any) -> None:
    for kind in ("keyDown", "keyUp"):
        await page.call("Input.dispatchKeyEvent", type=kind, key=key, **more)


def a_box(node: str = "wenshan-main", **changes: Any) -> Box:
    return Box(node=node, ts=now_ms(), **changes)


async def test_every_box_is_shown_with_what_it_keeps_at_the_broker_in_both_languages(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    well = a_box(cameras=("a", "b", "c"))
    ill = a_box(
        "daan-main", office="daan", name="大安區戶政事務所", down=("stairs",), coverage=0.87, compliant=False,
        retained=12.0, alarms=(alarm("camera.down:stairs"),),
    )  # fmt: skip
    mouth.say([*well.said(), *ill.said(), ill.requests(requests_open=6, overdue_by_office=1)])
    mouth.say([well.requests(opened=False)])
    async with looked_at(browser, web.page) as page:
        found = await rows(page, 2)
        assert list(found) == ["daan-main", "wenshan-main"], "the worst first"
        cells = found["wenshan-main"]["cells"]
        assert cells[NAME].startswith("文山區戶政事務所")
        assert cells[STATE] == "正常"
        assert "秒前" in cells[LAST_HEARD]
        assert cells[WORKING] == "3 / 3 100 %"
        assert cells[COVERAGE] == "99.8 %", "cut, not rounded up"
        assert cells[GAPS] == "3"
        assert cells[KEPT] == "41.3 天 期限 31–365 天 · 預估 58 天"
        assert cells[ALARMS] == "無"
        assert cells[OPEN] == "0 未啟用"
        assert cells[CHECKPOINT].startswith("第 204,817 筆")
        cells = found["daan-main"]["cells"]
        assert cells[STATE].startswith("異常 攝影機無畫面：stairs")
        assert cells[WORKING] == "1 / 2 50 %"
        assert cells[ALARMS] == "1 1 項未確認"
        assert cells[KEPT].startswith("12 天")
        assert cells[OPEN] == "6 逾期未辦 1"
        assert await page.run("return document.querySelector('#boxes td.open').dataset.tone") == "attention"
        assert await page.run(text("#totals")) == (
            "攝影機 4 / 5 妥善（80 %）・錄影完整率 93.4 %・未結異常通報 1・調閱未結 6 件（逾期未辦 1 件）"
        )

        await page.run("document.getElementById('language').click()")
        await until(page, "return document.documentElement.lang", "en")
        await until(page, text("#shown"), "2 of 2 boxes shown")
        cells = (await rows(page, 2))["wenshan-main"]["cells"]
        assert cells[STATE] == "OK"
        assert cells[KEPT] == "41.3 d bounds 31–365 d · forecast 58 d"
        assert cells[OPEN] == "0 not opened"
        await page.visit(web.page)
        assert await page.run("return document.documentElement.lang") == "en", "remembered"


async def test_the_page_of_a_box_is_reached_by_its_address_and_shows_all_of_it(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    odd = alarm("device.fault:10.0.0.5/24 #+%2F%", "info", text="a key that no topic can have as it is")
    full = alarm("storage.full:v1", "warning", text="硬碟已滿")
    long = alarm("x", "info", text="字" * 500)
    box = a_box(degraded=("lobby",), volume="full", alarms=(full, odd, long))
    mouth.say([*box.said(), box.pin("P-1")])
    async with looked_at(browser, f"{web.page}#/box/wenshan-main") as page:
        await until(page, text("#box-name"), "文山區戶政事務所")
        await until(page, text("#box-cameras tbody tr"), "lobby品質不佳 每秒張數低於預期的 10 張1920×1080 h264 10 fps"
                    " · 2 Mbit/s99.8 %141.3 天 期限 31–365 天 · 預估 58 天")  # fmt: skip
        assert "硬碟已滿" in await page.run(text("#box-alarms tbody"))
        assert "都沒有錄影：10.0.0.5/24 #+%2F%" in await page.run(text("#box-alarms tbody"))
        assert f">{'字' * 399}…<" in await page.run("return document.getElementById('box-alarms').innerHTML"), "cut"
        assert await page.run("return document.querySelectorAll('#box-defects tbody tr').length") == 0
        assert "已滿" in await page.run(text("#box-volumes tbody"))
        assert (await page.run(text("#box-pins tbody"))).startswith("P-1已核可 法律規定lobby民國")
        assert "民國" in await page.run(text("#box-facts")), "as a form has it"
        assert await page.run(text("#box-note")) == box.checkpoint().note, "to be kept, byte for byte"
        mouth.say([box.heartbeat()])
        await until(page, "return document.getElementById('box-facts').textContent.includes('已校時')")
        await requests_are_shown(page, mouth, box)
        await press(page, "Escape")
        await until(page, "return document.getElementById('box').hidden")
        await until(page, "return document.activeElement.hash", "#/box/wenshan-main")
        await page.run("location.hash = '#/box/nobody'")
        await until(page, text("#box-name"), "沒有這台主機的訊息：nobody")


async def requests_are_shown(page: Page, mouth: Mouth, box: Box) -> None:
    """On the page of this box, which has told nothing of its office yet."""
    counts = {"requests_deciding": 3, "overdue": 1, "requests_closed": 41, "requests_open": 4}
    of_year = {"year_received": 47, "year_granted": 31, "year_late": 2, "year_copies": 9}
    asked, shown = box.requests(**counts, **of_year), text("#box-requests")
    year = "return [...document.querySelectorAll('#box-year tbody tr > *')].map(cell => cell.textContent).join(' ')"
    before = "審核中\u00a03 · 逾期\u00a01 · 一年內結案\u00a041"
    assert await page.run(shown) == ""
    mouth.say([asked])
    await until(page, shown, f"未結\u00a04 · {before}")
    assert await page.run(year) == "民國 115 年（2026） 47 0 31 0 0 0 0 2 0 9"
    assert await page.run("return document.querySelector('#box-year td[data-tone=attention]').dataset.label") == "逾期"
    mouth.say([box.requests(**counts, overdue_by_office=1)])
    await until(page, shown, f"未結\u00a04 · {before.replace('逾期', '逾期未辦')}")
    assert await page.run("return document.getElementById('box-requests').dataset.tone") == "attention"
    mouth.say([box.requests(opened=False)])
    await until(page, shown, "未啟用")
    assert await page.run(year) == ""
    mouth.say([retained(asked.topic, {name: one for name, one in json.loads(asked.payload).items() if name in OF_1_3})])
    await until(page, shown, before)
    assert await page.run(year) == ""
    mouth.say([box.requests(shut=True, opened=None, overdue=None)])
    await until(page, shown, "無法讀取，不提供任何影像")
    assert await page.run(year) == ""
    mouth.say([emptied(asked.topic)])
    await until(page, shown, "")
    mouth.say([messages.publication(box.node, box.but(profile="").birth())])
    await until(page, shown, "這台主機沒有設定法規，不受理調閱")


async def test_what_a_box_says_is_on_the_screen_and_what_it_takes_back_is_gone(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    box = a_box()
    mouth.say(box.said())
    state = "return document.querySelector('#boxes td.state .main')?.textContent"
    async with looked_at(browser, web.page) as page:
        await rows(page, 1)
        await until(page, state, "正常")
        down = box.but(down=("lobby",))
        mouth.say([messages.publication(box.node, down.health("lobby"))])
        await until(page, state, "異常")
        mouth.say([messages.publication(box.node, box.health("lobby")), box.alarm(alarm("clock", "warning"))])
        await until(page, state, "注意")
        mouth.say([box.alarm(alarm("clock", "warning", state="cleared"))])
        await until(page, state, "正常")
        mouth.say([box.alarm(alarm("clock", "warning"))])
        await until(page, state, "注意")
        mouth.say([emptied("edged/v1/wenshan-main/up/alarm/clock")])
        await until(page, state, "正常")
        mouth.say([box.but(epoch=6).alarm(alarm("gone", "critical"))])
        await until(page, state, "異常")
        mouth.say([box.heartbeat()])  # of the run of now, which has said all that it knows
        await until(page, state, "正常")
        mouth.say([emptied("edged/v1/wenshan-main/up/alarm/gone"), box.heartbeat(synced=False)])
        await until(page, state, "注意")
        mouth.say(emptied(one.topic) for one in box.said())
        mouth.say([emptied(box.heartbeat().topic)])
        await until(page, text("#shown"), "broker 上還沒有任何主機的訊息。")


async def test_maintenance_is_shown_wherever_something_is_missing_and_ends_by_itself(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    await maintenance_is_shown(browser, web, mouth)


async def maintenance_is_shown(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    box, other = a_box(), a_box("other")
    under = f"{UP}/maintenance"
    mouth.say([*box.said(), *other.said()])
    async with looked_at(browser, web.page) as page:
        await rows(page, 2)

        async def told(state: str, alarms: str = "無") -> None:
            """What its line says; the digits of the hour that ends it are left out."""
            await until(page, LINE, [state, alarms])

        await told("正常")
        mouth.say([box.maintenance()])
        await told("注意 維護中（整台主機）至 HH:MM")
        assert "・維護中 1 台" in await page.run(text("#totals"))
        await page.run("const one = document.getElementById('alarms'); one.value = 'under-maintenance';"
                       "one.dispatchEvent(new Event('input'))")  # fmt: skip
        await until(page, text("#shown"), "顯示 1 台，共 2 台")

        out = box.but(down=("lobby",))
        mouth.say([messages.publication(box.node, out.health("lobby")), box.maintenance("lobby", held=1)])
        await told("注意 維護中（lobby）至 HH:MM · 維護中沒有錄影：lobby", "無 暫緩 1")
        await page.run("location.hash = '#/box/wenshan-main'")
        await until(page, "return document.querySelectorAll('#box-problems li').length", 2)
        first = await page.run(text("#box-problems li"))
        assert first.startswith("維護中：lobby，民國")
        assert "自動結束。暫緩通報 1 項" in first
        cameras = "return [...document.querySelectorAll('#box-cameras td.state')].map(one => one.textContent.trim())"
        assert await page.run(cameras) == ["無畫面 維護中 · 這個位址沒有回應", "錄影中"]
        await page.run("location.hash = '#/'")

        mouth.say([box.alarm(alarm("camera.down:lobby"))])  # it stood before the work began
        await told("異常 維護中（lobby）至 HH:MM · 攝影機無畫面：lobby", "1 1 項未確認 · 暫緩 1")
        mouth.say([emptied(f"{UP}/alarm/camera.down:lobby"), box.maintenance("stairs")])
        await told("異常 維護中（stairs）至 HH:MM · 攝影機無畫面：lobby")
        mouth.say([emptied(under)])
        await page.run(
            "const one = document.getElementById('alarms'); one.value = ''; one.dispatchEvent(new Event('input'))"
        )
        await told("異常 攝影機無畫面：lobby")
        mouth.say([messages.publication(box.node, box.health("lobby"))])
        await told("正常")


async def test_maintenance_that_should_be_over_excuses_nothing(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    """Its end was not heard of: from a box that was off, or by a broker that lost it."""
    box = a_box(down=("lobby",))
    until_ms = box.ts + 60_000
    mouth.say([*box.said(), box.maintenance(until_ms=until_ms)])
    state = "return document.querySelector('#boxes td.state').textContent"
    async with looked_at(browser, web.page) as page:
        await rows(page, 1)
        assert "注意 維護中（整台主機）至" in await page.run(state)
        await page.run(
            "const began = Date.now(); Date.now = () => began + globalThis.later; globalThis.later = 600_000"
        )
        mouth.say([box.but(ts=now_ms() + 600_000).heartbeat()])
        await until(page, f"{state}.startsWith('異常 攝影機無畫面：lobby (+1)')")
        await page.run("location.hash = '#/box/wenshan-main'")
        await until(page, "return document.querySelectorAll('#box-problems li').length", 2)
        assert "結束，至今沒有結束的消息" in await page.run(text("#box-problems"))
        mouth.say([box.heartbeat()])  # by its clock the time is not over
        await until(page, "return document.getElementById('box-problems').textContent.includes('自動結束')")


async def test_what_is_wrong_with_picture_and_sound_comes_and_goes(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    box = a_box()
    mouth.say(box.said())
    state = "return document.querySelector('#boxes td.state').textContent.trim()"
    cameras = "return [...document.querySelectorAll('#box-cameras td.state')].map(one => one.textContent.trim())"

    def health(*wrong: str) -> Publication:
        return messages.publication(box.node, box.but(wrong=wrong).health("lobby"))

    async with looked_at(browser, web.page) as page:
        await rows(page, 1)
        await until(page, state, "正常")
        mouth.say([health("blurred", "mute")])
        await until(page, state, "注意 lobby：畫面模糊、不再送出聲音")
        mouth.say([box.alarm(alarm("camera.blurred:lobby", "warning"))])
        await until(page, state, "注意 攝影機畫面模糊：lobby (+1)")  # each is said once
        await page.run("location.hash = '#/box/wenshan-main'")
        await until(page, cameras, ["錄影中 畫面模糊、不再送出聲音", "錄影中"])
        mouth.say([health("<img src=x onerror=alert(1)>", "__proto__")])  # of a newer box
        await until(page, cameras, ["錄影中 <img src=x onerror=alert(1)>、__proto__", "錄影中"])
        assert await page.run("return document.querySelectorAll('main img').length") == 0
        mouth.say([health(), emptied(f"{UP}/alarm/camera.blurred:lobby")])
        await until(page, cameras, ["錄影中", "錄影中"])
        older = json.loads(box.health("lobby").model_dump_json())
        del older["faults"]
        mouth.say([retained(f"{UP}/cam/lobby/health", older | {"gaps_24h": 77})])
        await until(page, "return document.getElementById('box-cameras').textContent.includes('77')")
        await page.run("location.hash = '#/'")
        await until(page, state, "正常")


async def test_faults_that_nobody_has_closed_are_counted_and_listed(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    box = a_box()
    first, second, third = "F-20260506-K3QW", "F-20260506-K3QX", "F-20260506-K3QY"
    by_hand = box.fault(second, "reported", key="", camera=None, volume="v1")
    mouth.say([*box.said(), box.fault(first), by_hand, box.fault(third, "repaired")])
    alarms = "return document.querySelector('#boxes td.alarms').textContent.trim()"
    listed = (
        "return [...document.querySelectorAll('#box-tickets tbody tr')].map(row =>"
        " [...row.children].slice(0, 3).map(cell => cell.textContent.replace(/民國.*\\d/, '').trim()))"
    )
    async with looked_at(browser, web.page) as page:
        await rows(page, 1)
        await until(page, alarms, "無 待修 2 · 待結案 1")
        assert "・待修 2 件" in await page.run(text("#totals"))
        await page.run("location.hash = '#/box/wenshan-main'")
        await until(page, listed, [
            [first, "lobby 攝影機沒有在錄影", "待報修"], [second, "/srv/edged 人員發現", "已報修"],
            [third, "lobby 攝影機沒有在錄影", "已修復，待驗收"],
        ])  # fmt: skip
        mouth.say([box.fault(first, over=True), emptied(f"{UP}/fault/{third}")])
        await until(page, listed, [
            [first, "lobby 攝影機沒有在錄影", "待報修 已恢復，待結案"], [second, "/srv/edged 人員發現", "已報修"],
        ])  # fmt: skip
        mouth.say([emptied(f"{UP}/fault/{one}") for one in (first, second)])
        await until(page, "return document.getElementById('box-tickets').classList.contains('empty')")
        await page.run("location.hash = '#/'")
        await until(page, alarms, "無")
        assert "待修" not in await page.run(text("#totals"))


async def test_a_box_that_comes_while_the_page_is_open_is_read(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    """Nothing of it was kept before: no retained message ends the reading."""
    box = a_box()
    tones = "return [...document.querySelectorAll('#boxes tbody tr')].map(row => row.dataset.tone).join()"
    async with looked_at(browser, web.page) as page:
        await until(page, text("#shown"), "broker 上還沒有任何主機的訊息。")
        mouth.say([messages.publication(box.node, box.status())])
        await until(page, tones, "attention")  # it has not introduced itself
        mouth.say(box.said())
        await until(page, tones, "ok")
        mouth.say(emptied(one.topic) for one in box.said())
        await until(page, tones, "")
        mouth.say(box.said())
        await until(page, tones, "ok")


async def test_a_flood_of_one_kind_hides_nothing_of_another(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    box = a_box()
    mouth.say(box.said())
    state = "return document.querySelector('#boxes td.state').textContent"
    async with looked_at(browser, web.page) as page:
        await rows(page, 1)
        mouth.say(box.fault(f"F-{number}") for number in range(2100))
        mouth.say([box.alarm(alarm("ledger.tampered")), box.maintenance()])
        await until(page, f"{state}.startsWith('異常 維護中（整台主機）至')")
        assert "稽核軌跡被更動 (+1)" in await page.run(state)
        assert "待修 1,024" in await page.run("return document.querySelector('#boxes td.alarms').textContent")
        await page.run("location.hash = '#/box/wenshan-main'")
        await until(page, "return document.getElementById('box-problems').textContent.includes('僅顯示前 1024 項')")


async def test_a_box_that_is_gone_is_grey_with_the_time_it_was_last_heard(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    await gone_is_grey(browser, web, mouth)


async def gone_is_grey(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    hour_ago = now_ms() - 3_600_000
    gone = a_box("gone", state="offline").but(ts=hour_ago)
    stopped = a_box("stopped", state="stopping").but(ts=hour_ago)
    silent = a_box("silent").but(ts=hour_ago)
    overtaken = a_box("overtaken")
    old_will = messages.publication("overtaken", overtaken.but(state="offline", epoch=6).status())
    here = a_box("here")
    mouth.say([*gone.said(), *stopped.said(), *silent.said(), *overtaken.said(), old_will, *here.said()])
    async with looked_at(browser, web.page) as page:
        found = await rows(page, 5)
        assert {node for node, row in found.items() if row["stale"]} == {"gone", "stopped", "silent"}
        for node, why in (("gone", "連線中斷"), ("stopped", "已正常停止"), ("silent", "超過 180 秒沒有消息")):
            row = found[node]
            assert row["cells"][STATE].startswith(f"離線 {why}")
            assert row["grey"] != found["here"]["grey"]
            if node != "gone":
                assert row["cells"][LAST_HEARD].startswith("1 小時前 民國")
        assert await page.run(text("#counts button[data-tone=offline] b")) == "3"
        assert "（不含離線主機）" in await page.run(text("#totals"))
        await page.run("location.hash = '#/box/gone'")
        await until(page, "return document.getElementById('box').classList.contains('stale')")
        assert "不是現況" in await page.run(text("#box-stale"))
        await page.run("location.hash = '#/'")

        mouth.say([silent.heartbeat()])
        await until(page, "return document.querySelectorAll('#boxes tr.stale').length", 2)
        mouth.say([messages.publication("here", here.but(state="offline").status())])
        await until(page, "return document.querySelectorAll('#boxes tr.stale').length", 3)


async def test_a_box_that_falls_silent_becomes_grey_after_three_minutes(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    box = a_box()
    mouth.say(box.said())
    async with looked_at(browser, web.page) as page:
        await rows(page, 1)
        heard = "return document.querySelector('#boxes td.heard').textContent"
        stale = "return document.querySelectorAll('#boxes tr.stale').length"
        await page.run("const began = Date.now(); Date.now = () => began + globalThis.later; globalThis.later = 70_000")
        await until(page, heard, "1 分鐘前")
        mouth.say([box.heartbeat()])
        await until(page, heard, "10 秒前")
        await page.run("globalThis.later += 175_000")
        await until(page, heard, "2 分鐘前")
        assert await page.run(stale) == 0
        await page.run("globalThis.later += 6_000")
        await until(page, stale, 1)
        mouth.say([box.heartbeat()])
        await until(page, stale, 0)


async def test_a_lost_broker_makes_everything_grey_and_says_so(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    mouth.say([*a_box("one").said(), *a_box("two").said()])
    banner = "return document.getElementById('banner').hidden ? '' : document.getElementById('banner').textContent"
    async with looked_at(browser, web.page) as page:
        before = await rows(page, 2)
        assert await page.run(banner) == ""
        web.broker.stop()
        lost = await until(page, banner)
        assert "連線自" in lost
        assert "不是現況" in lost
        after = await page.run(ROWS)
        assert {row["grey"] for row in after.values()} != {row["grey"] for row in before.values()}
        web.broker.start()  # without its memory, and only one of them comes back
        await until(page, banner, "")
        await until(page, "return document.querySelectorAll('#boxes tr.stale, #boxes tbody tr').length", 0)
        with Mouth(web.broker.port) as again:
            again.say(a_box("two").said())
            assert list(await rows(page, 1)) == ["two"]


async def test_a_frozen_broker_is_a_lost_one(browser: Browser, web: WebBroker, mouth: Mouth, tmp_path: Path) -> None:
    """With a keep-alive of 4 s: that nothing comes is noticed after 6, and not after 45."""
    mouth.say(a_box().said())
    impatient = altered(tmp_path, "fleet.js", ("KEEPALIVE_S = 30", "KEEPALIVE_S = 4"))
    async with looked_at(browser, f"{impatient.as_uri()}/index.html?broker=ws://127.0.0.1:{web.web_port}/") as page:
        await rows(page, 1)
        web.broker.freeze()
        try:
            await until(page, "return document.body.classList.contains('lost')")
        finally:
            web.broker.thaw()
        await until(page, "return document.body.classList.contains('lost')", wanted=False)


async def test_it_filters_searches_and_sorts_with_the_keyboard_alone(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    mouth.say(a_box("alpha", office="north", name="Alpha", retained=90.0, coverage=0.91).said())
    mouth.say(a_box("beta", office="south", name="Beta", alarms=(alarm("x", "warning", acknowledged=True),)).said())
    mouth.say(a_box("gamma", office="north", name="Gamma", down=("lobby",), retained=33.0).said())
    mouth.say([a_box("alpha").requests(requests_open=5), a_box("gamma").requests(requests_open=2, overdue_by_office=1)])
    names = "return [...document.querySelectorAll('#boxes tbody a')].map(link => link.textContent).join()"
    choose = """const one = document.getElementById(%r); one.value = %r; one.dispatchEvent(new Event("input"))"""
    async with looked_at(browser, web.page) as page:
        await rows(page, 3)
        await until(page, names, "Gamma,Beta,Alpha")
        await press(page, "/", text="/")
        assert await page.run("return document.activeElement.id") == "search"
        await page.call("Input.insertText", text="ALP")
        await until(page, names, "Alpha")
        await page.run(choose % ("search", ""))
        await page.run(choose % ("office", "north"))
        await until(page, names, "Gamma,Alpha")
        await page.run(choose % ("office", ""))
        await page.run(choose % ("alarms", "open-alarms"))
        await until(page, names, "Beta")
        await page.run(choose % ("alarms", "unseen-alarms"))
        await until(page, names, "")
        assert await page.run(text("#shown")) == "沒有符合條件的主機。"
        await page.run(choose % ("alarms", ""))
        await page.run("document.querySelector('#counts [data-tone=critical]').focus()")
        await press(page, "Enter", text="\r", windowsVirtualKeyCode=13)
        await until(page, names, "Gamma")
        assert await page.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
        await press(page, "Enter", text="\r", windowsVirtualKeyCode=13)
        await until(page, names, "Gamma,Beta,Alpha")
        await page.run("document.querySelector('#boxes th.coverage button').focus()")
        await press(page, "Enter", text="\r", windowsVirtualKeyCode=13)
        await until(page, names, "Alpha,Gamma,Beta")
        assert await page.run("return document.querySelector('#boxes th.coverage').ariaSort") == "ascending"
        await page.run(choose % ("sort", "office"))
        await until(page, "return [...document.querySelectorAll('#boxes .group')].map(one => one.textContent).join()",
                    "north：2 台・妥善 3 / 4・調閱未結 7 件（逾期未辦 1 件）,south：1 台・妥善 2 / 2")  # fmt: skip
        await page.run(choose % ("sort", "open"))
        await until(page, names, "Gamma,Alpha,Beta")
        await page.run(choose % ("sort", "office"))
        await until(page, "return document.querySelectorAll('#boxes .group').length", 2)
        await page.run("document.querySelector('#boxes tbody a').focus()")
        await press(page, "ArrowDown")
        assert await page.run("return document.activeElement.textContent") == "Gamma"
        assert await page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
        mouth.say([messages.publication("gamma", a_box("gamma", name="Gamma").health("lobby"))])
        await page.run(choose % ("sort", "worst"))
        await until(page, names, "Beta,Alpha,Gamma")
        await page.run("document.querySelector('#boxes tbody a[href$=gamma]').focus()")
        await press(page, "Enter", text="\r", windowsVirtualKeyCode=13)
        await until(page, text("#box-name"), "Gamma")
        await until(page, "return document.activeElement.id", "box-name")


async def test_strangers_payloads_are_a_defect_of_that_box_and_break_nothing(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    bad, good = a_box("bad"), a_box("good", name="<b>良</b><script>alert(1)</script>\u202egnp\u0000")
    root = "edged/v1/bad/up"
    health = json.loads(bad.health("lobby").model_dump_json())
    retention = json.loads(bad.retention("lobby").model_dump_json())
    hostile: dict[str, Any] = {
        f"{root}/birth": b"{" + b"[" * 60_000,
        f"{root}/cam/huge/health": json.dumps(health | {"camera": "huge", "gaps_24h": 10**30}).encode(),
        f"{root}/cam/inf/health": json.dumps(health | {"camera": "inf"}).encode()[:-1] + b',"fps":1e999}',
        f"{root}/cam/types/health": health | {"camera": "types", "state": {"toString": "x"}},
        f"{root}/cam/none/health": {},
        f"{root}/cam/other/health": health,
        f"{root}/cam/list/health": [1, 2],
        f"{root}/cam/__proto__/health": health | {"camera": "__proto__", "__proto__": {"state": "recording"}},
        f"{root}/cam/time/retention": retention | {"camera": "time", "ts": -1},
        f"{root}/storage/long": json.loads(bad.storage().model_dump_json()) | {"volume": "long", "path": "x" * 3000},
        f"{root}/alarm/big": b'{"text":"' + b"x" * 66_000 + b'"}',
        f"{root}/alarm/latin": b'{"text":"\xe9"}',
        f"{root}/ledger/checkpoint": b"null",
        f"{root}/pin/1": {"ts": 1, "epoch": 1, "state": 5},
        f"{root}/cam/faulty/health": health | {"camera": "faulty", "faults": [{"toString": "x"}]},
        f"{root}/fault/F-1": json.loads(bad.fault("F-1").payload) | {"state": "constructor"},
        f"{root}/fault/F-2": json.loads(bad.fault("F-1").payload),
        f"{root}/maintenance": json.loads(bad.maintenance().payload) | {"cameras": "lobby"},
        f"{root}/office": json.loads(bad.requests().payload) | {"overdue": "115-0007"},
        "edged/v1/%3Cimg%20src=x%20onerror=alert(1)%3E/up/status": {"state": "online"},
        "edged/v1/<img src=x onerror=alert(1)>/up/birth": {"office": "<script>"},
        "edged/v1/good/up/who/knows": b"\xff",
        "edged/v1/good": b"\xff",
        "edged/v1//up/status": b"{}",
    }  # fmt: skip
    mouth.say([*bad.said(), *good.said(), *(retained(topic, payload) for topic, payload in hostile.items())])
    async with looked_at(browser, web.page) as page:
        found = await rows(page, 4)
        assert found["good"]["cells"][STATE] == "正常"
        assert found["good"]["cells"][NAME].startswith("<b>良</b><script>alert(1)</script> gnp")
        assert found["bad"]["cells"][STATE].startswith("注意 18 則訊息有誤"), found["bad"]["cells"]
        assert found["<img src=x onerror=alert(1)>"]["tone"] == "offline"
        assert await page.run("return document.querySelectorAll('main script, main img, main b b').length") == 0
        await page.run("location.hash = '#/box/bad'")
        defects = "return [...document.querySelectorAll('#box-defects tbody tr')].map(row => row.textContent)"
        await until(page, "return document.querySelectorAll('#box-defects tbody tr').length", 18)
        told = await page.run(defects)
        for wanted in DEFECTS:
            assert any(wanted in one for one in told), (wanted, told)
        assert "lobby" in await page.run(text("#box-cameras")), "what is whole is shown all the same"
        mouth.say(bad.said())
        mouth.say(emptied(topic) for topic in hostile if topic.startswith(root) and "birth" not in topic)
        mouth.say(bad.said())
        await page.run("location.hash = '#/'")
        await until(page, "return document.querySelectorAll('#boxes tr[data-tone=ok]').length", 2)


async def test_it_never_publishes(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    await publishes_nothing(browser, web, mouth)


async def publishes_nothing(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    """A subscriber to everything hears only the boxes, and the broker counts no other PUBLISH."""
    said = [message for node in ("one", "two") for message in a_box(node).said()]
    mouth.say(said)
    with Centre(web.broker.port) as centre:
        centre._client.subscribe(RECEIVED)

        async def counted() -> None:
            """What the broker was told so far: not a byte more, and not one less."""
            count = sum(len(one.payload) for one in said)
            await asyncio.to_thread(centre.wait_for, lambda one: told(one) >= count, f"{count} bytes")
            assert max(map(told, centre.heard)) == count

        def speak(one: Publication) -> None:
            said.append(one)
            mouth.say([one])

        await counted()
        async with looked_at(browser, web.page) as page:
            await rows(page, 2)
            await page.run("document.querySelector('#boxes tbody a').click()")
            await until(page, "return document.getElementById('fleet').hidden")
            await page.run("document.getElementById('language').click(); location.hash = '#/'")
            await rows(page, 2)
            speak(a_box("one").heartbeat())
            await counted()
            await page.visit("about:blank")
        speak(a_box("two").heartbeat())
        await counted()
        assert {one.topic for one in centre.heard} - {RECEIVED} == {one.topic for one in said}


async def test_the_policy_of_the_page_lets_nothing_in_and_asks_nobody_else(
    browser: Browser, web: WebBroker, mouth: Mouth
) -> None:
    mouth.say(a_box().said())
    async with looked_at(browser, web.page) as page:
        await rows(page, 1)
        asked = await page.run("return performance.getEntriesByType('resource').map(one => one.name)")
        assert {one.rpartition("/")[0] for one in asked} == {web.page.rpartition("/")[0]}
        with pytest.raises(devtools.ScriptFailed, match="TrustedHTML"):
            await page.run("document.body.innerHTML = '<b>x</b>'")
        with pytest.raises(devtools.ScriptFailed):
            await page.run("await fetch('/index.html')")
        assert any("Content Security Policy" in one for one in page.complaints), "what forbids it is heard"
        page.complaints.clear()


async def test_it_fits_a_phone_and_a_desk(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    long = a_box("long", name="很長的名稱" * 20, office="o" * 60, cameras=tuple(f"camera-{one}" for one in range(16)))
    mouth.say([*long.said(), *a_box("ill", down=("lobby",), alarms=(alarm(text="x" * 300),)).said()])
    async with looked_at(browser, web.page) as page:
        for address in ("#/", "#/box/long"):
            await page.run(f"location.hash = '{address}'")
            await until(page, "return document.querySelectorAll('main section:not([hidden]) tbody tr').length")
            for width in (390, 1440):
                await page.call(
                    "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=True
                )
                for _language in range(2):
                    assert await page.run("return document.documentElement.scrollWidth") <= width
                    await page.run("document.getElementById('language').click()")


async def test_who_must_log_in_is_asked_and_known_until_the_tab_is_closed(browser: Browser, tmp_path: Path) -> None:
    login = """
    document.getElementById("user").value = "centre"; document.getElementById("password").value = %r;
    document.getElementById("login").requestSubmit()"""
    with brokers.mosquitto_web(tmp_path, FLEET, password=("centre", "right")) as web:
        async with looked_at(browser, web.page) as page:
            await until(page, "return !document.getElementById('login').hidden")
            assert "需要帳號與密碼" in await page.run(text("#login-why"))
            assert await page.run("return !document.getElementById('login-plain').hidden"), "a password over ws://"
            await page.run(login % "wrong")
            await until(page, "return document.getElementById('login-why').textContent.includes('不接受')")
            await page.run(login % "right")
            await until(page, text("#shown"), "broker 上還沒有任何主機的訊息。")
            assert await page.run("return Object.values(localStorage).join()") == ""
            assert "right" in await page.run("return Object.values(sessionStorage).join()")
            await page.visit(web.page)
            await until(page, text("#shown"), "broker 上還沒有任何主機的訊息。")
            await page.run("document.getElementById('account').click()")
            await until(page, "return !document.getElementById('login').hidden")
            assert await page.run("return Object.values(sessionStorage).join()") == ""


async def test_another_broker_is_named_in_the_address(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    mouth.say(a_box().said())
    async with looked_at(browser, f"{FLEET.as_uri()}/index.html?broker=ws://127.0.0.1:{web.web_port}/") as page:
        await rows(page, 1)
        await page.visit(f"{FLEET.as_uri()}/index.html?broker=http://127.0.0.1/")
        assert "?broker=" in await until(page, text("#banner"))
        await page.visit(f"{FLEET.as_uri()}/index.html")
        assert "?broker=" in await until(page, text("#banner"))


async def test_more_than_a_broker_queues_arrives_whole(browser: Browser, tmp_path: Path) -> None:
    with brokers.mosquitto_web(tmp_path, FLEET) as web, Mouth(web.broker.port) as mouth:
        await arrives_whole(browser, web, mouth)


async def arrives_whole(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    """mosquitto drops what exceeds 1000 messages for one reader, and tells nobody; 60 boxes keep 2,200."""
    fleet = [box.but(state="online", ts=now_ms()) for box in boxes.fleet(60, 16, now_ms())]
    mouth.say(message for box in fleet for message in box.said())
    async with looked_at(browser, web.page) as page:
        found = await rows(page, 60)
        assert [row["cells"][WORKING].split()[2] for row in found.values()] == ["16"] * 60
        assert {node for node, row in found.items() if row["tone"] == "ok"} == {
            box.node for box in fleet if not (box.alarms or box.down or box.degraded)
        }


@pytest.mark.parametrize(
    ("check", "file", "good", "planted"),
    [
        (
            publishes_nothing,
            "fleet.js",
            "subscribe(FOUND_BY);",
            "subscribe(FOUND_BY); client.publish('edged/v1/x', 'x');",
        ),
        (arrives_whole, "fleet.js", "subscribe(FOUND_BY);", "subscribe([READ]);"),
        (maintenance_is_shown, "model.js", "length || known.under ?", "length ?"),
        (maintenance_is_shown, "model.js", "&& isWorkedOn(one.camera))", ")"),
        (gone_is_grey, "model.js", "if (status !== null && status.state", "if (status === 0 && status.state"),
    ],
)
async def test_each_of_these_defects_would_be_found(
    browser: Browser, tmp_path: Path, hasty: Path, monkeypatch: pytest.MonkeyPatch,
    check: Callable[[Browser, WebBroker, Mouth], Awaitable[None]], file: str, good: str, planted: str,
) -> None:  # fmt: skip
    monkeypatch.setitem(globals(), "DEADLINE_S", PLANTED_S)
    page = altered(tmp_path, file, (good, planted), page=FLEET if check is arrives_whole else hasty)
    with (
        brokers.mosquitto_web(tmp_path, page, "sys_interval 1") as web,
        Mouth(web.broker.port) as mouth,
        pytest.raises(AssertionError),
    ):
        await check(browser, web, mouth)


async def test_a_screen_reader_hears_what_each_thing_is(browser: Browser, web: WebBroker, mouth: Mouth) -> None:
    mouth.say([*a_box(alarms=(alarm("x", "warning"),)).said(), a_box().pin("P-1"), a_box().fault("F-1")])
    async with looked_at(browser, web.page) as page:
        await rows(page, 1)
        await page.call("Accessibility.enable")
        for address, tables in (("#/", 1), ("#/box/wenshan-main", 5)):
            await page.run(f"location.hash = '{address}'")
            await until(page, "return document.querySelectorAll('main section:not([hidden]) tbody tr').length")
            await until_heard(page, {"row", "rowheader", "cell", "heading", "main"})
            heard = await heard_of(page)
            named = {"link", "button", "textbox", "searchbox", "combobox", "table", "columnheader", "group", "region"}
            told = [(one["role"]["value"], one["name"]["value"]) for one in heard if one["role"]["value"] in named]
            assert [role for role, name in told if not name] == []
            assert len([role for role, _ in told if role == "table"]) == tables


async def heard_of(page: Page) -> list[dict[str, Any]]:
    return [one for one in (await page.call("Accessibility.getFullAXTree"))["nodes"] if not one["ignored"]]


async def until_heard(page: Page, roles: set[str]) -> None:
    """Chromium builds its tree for screen readers a moment after the page."""
    async with asyncio.timeout(DEADLINE_S):
        while not roles <= {one["role"]["value"] for one in await heard_of(page)}:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.05)
