"""How soon the fleet page shows a large fleet, and what one box says, in headless Chromium from a real mosquitto.

    .venv/bin/python -m bench.fleetpage [--boxes 200] [--cameras 16] [--updates 100] [--screenshots DIRECTORY]

mosquitto serves the page and speaks WebSocket with it; its bound on queued messages is the default, 1000. First paint
is the browser's own first-contentful-paint. An update is timed from before its PUBLISH is handed to another connection
until two frames after the changed figure stood in the page: the broker, the page's work and its painting are in it.
Every other one changes the box's place in the list, too; meanwhile other boxes say `--beats` heartbeats a second.
`--screenshots` writes the page as a desk and as a phone shows it, in both languages.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from mqtt.contract import messages
from tests.support import boxes, brokers, devtools
from tests.support.boxes import Box, Mouth
from tests.support.devtools import Page
from tests.support.waiting import TooLateError

FLEET: Final = Path(__file__).parents[1] / "fleet"
LOADS: Final = 5
SIZES: Final = {"desk": (1440, 900), "phone": (390, 844)}
WITHIN_S: Final = 60.0

PAINTED: Final = """
const [paint] = performance.getEntriesByName("first-contentful-paint");
return paint ? paint.startTime : null;"""
READ: Final = """
const rows = [...document.querySelectorAll("#boxes tbody tr")];
return rows.length >= %d && !rows.some(row => row.dataset.tone === "reading");"""
AWAIT: Final = """
globalThis.shown = new Promise(done => {
  const cell = document.querySelector("#boxes a[href='#/box/%s']").closest("tr").querySelector(".gaps");
  const look = new MutationObserver(() => {
    if (cell.textContent !== %r) return;
    look.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(Date.now())));
  });
  look.observe(cell, {subtree: true, childList: true, characterData: true});
});"""


async def until(page: Page, script: str) -> float:
    """Its first true answer."""
    deadline = time.monotonic() + WITHIN_S
    while not (answer := await page.run(script)):
        if time.monotonic() > deadline:
            raise TooLateError(f"not within {WITHIN_S:g} s: {script}")
        await asyncio.sleep(0.05)
    return float(answer)


async def load(page: Page, address: str, count: int) -> tuple[float, float]:
    """First paint, and until all that the broker keeps was read: ms from the navigation."""
    await page.visit("about:blank")
    began = time.time()
    await page.visit(address)
    painted_ms = await until(page, PAINTED)
    await until(page, READ % count)
    return painted_ms, (time.time() - began) * 1000


async def update(page: Page, mouth: Mouth, box: Box, number: int) -> float:
    """From saying it to seeing it, ms."""
    camera = box.cameras[0]
    changed = box.but(gaps=1000 + number, degraded=(camera,) if number % 2 else ())
    await page.run(AWAIT % (box.node, f"{changed.gaps + box.gaps * (len(box.cameras) - 1):,}"))
    began = time.time()
    mouth.say([messages.publication(box.node, changed.health(camera))])
    return float(await page.run("return await globalThis.shown")) - began * 1000


@contextlib.asynccontextmanager
async def chatter(mouth: Mouth, fleet: list[Box], beats: float) -> AsyncIterator[None]:
    """Heartbeats of all in turn, so many a second."""

    async def talk() -> None:
        number = 0
        while True:
            mouth.say([fleet[number % len(fleet)].heartbeat()])
            number += 1
            await asyncio.sleep(1 / beats)

    talking = asyncio.create_task(talk())
    try:
        yield
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def resize(page: Page, size: str) -> None:
    width, height = SIZES[size]
    await page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size == "phone"
    )


async def screenshots(page: Page, address: str, count: int, directory: Path) -> None:
    """PNG as they stand in docs/screenshots; fonts are those of this machine."""
    for language in ("zh-Hant-TW", "en"):
        for size in SIZES:
            await resize(page, size)
            await load(page, address, count)
            if await page.run("return document.documentElement.lang") != language:
                await page.run("document.getElementById('language').click()")
            for name, opened in (("fleet", "'#/'"), ("box", "document.querySelector('#boxes tbody a').hash")):
                await page.run(f"location.hash = {opened}; document.activeElement.blur()")
                await asyncio.sleep(1)
                shot = await page.call("Page.captureScreenshot", format="png")
                (directory / f"{name}-{size}-{language[:2]}.png").write_bytes(base64.b64decode(shot["data"]))


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--boxes", type=int, default=200)
    asked.add_argument("--cameras", type=int, default=16)
    asked.add_argument("--updates", type=int, default=100)
    asked.add_argument("--beats", type=float, default=5.0)
    asked.add_argument("--screenshots", type=Path)
    options = asked.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        brokers.mosquitto_web(Path(directory), FLEET) as web,
        Mouth(web.broker.port) as mouth,
    ):
        fleet = boxes.fleet(options.boxes, options.cameras, time.time_ns() // 1_000_000)
        kept = [message for box in fleet for message in box.said()]
        mouth.say(kept)
        async with devtools.opened("about:blank", "--window-size=1440,900") as page:
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=1440, height=900, deviceScaleFactor=1, mobile=False
            )
            if options.screenshots:
                await screenshots(page, web.page, len(fleet), options.screenshots)
                return
            loads = [await load(page, web.page, len(fleet)) for _ in range(LOADS)]
            async with chatter(mouth, fleet, options.beats):
                times = [await update(page, mouth, fleet[number % 5], number) for number in range(options.updates)]
            heap = (await page.call("Runtime.getHeapUsage"))["usedSize"] / 1e6
    painted, read = zip(*loads, strict=True)
    print(f"| {options.boxes} boxes, {options.cameras} cameras each | median | worst |\n| --- | ---: | ---: |")
    for what, figures in (("first paint", painted), ("all of it read", read), ("update on screen", times)):
        print(f"| {what}, ms | {median(figures):,.0f} | {max(figures):,.0f} |")
    print(f"\n{len(kept):,} retained messages; 95 of 100 updates within {quantiles(times, n=20)[-1]:,.0f} ms;", end=" ")
    print(f"JavaScript heap {heap:.1f} MB")


if __name__ == "__main__":
    asyncio.run(main())
