"""A running box, its broker and the fleet page: what somebody does on the box is seen at the centre."""

from __future__ import annotations

from pathlib import Path

from edged.documents import tickets as documents
from tests.integration.mqtt.contract.test_fleet_page import FLEET, looked_at, rows, text, until
from tests.support import brokers, devtools
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon

SOON_S = 60.0
"""Nothing here is measured: a loaded machine may take its time."""
SHORT_WORK = "from storage.tickets import maintenance_table\nmaintenance_table.LEAST_MS = 1000\n"
"""Maintenance may last less than a minute: nobody has to wait for its end."""
LINE = "return document.querySelector('#boxes tbody tr .{}').textContent"


async def test_maintenance_and_a_fault_are_seen_and_maintenance_ends_by_itself(tmp_path: Path) -> None:
    state, alarms = LINE.format("state"), LINE.format("alarms")
    (tmp_path / "broker").mkdir()
    with (
        brokers.mosquitto_web(tmp_path / "broker", FLEET) as web,
        devtools.Browser() as browser,
        Daemon(
            tmp_path / "edged", Setup([Watched("lobby", "test://")], mqtt_port=web.broker.port), sabotage=SHORT_WORK
        ) as daemon,
    ):
        daemon.wait_for_states("recording", ["lobby"], SOON_S)
        async with looked_at(browser, web.page) as page:
            await rows(page, 1, SOON_S)
            assert daemon.ctl("maintenance", "start", "--reason", "換線", "--camera", "lobby", "--for", "10s").code == 0
            await until(page, f"{state}.includes('維護中（lobby）至')", within_s=SOON_S)
            assert daemon.ctl("faults", "add", "--camera", "lobby", "--note", "外罩破裂").code == 0
            await until(page, f"{alarms}.includes('待修 1')", within_s=SOON_S)
            (fault,) = daemon.ctl("faults").document["faults"]
            await page.run("document.querySelector('#boxes tbody a').click()")
            await until(page, f"{text('#box-tickets tbody')}.startsWith('{fault['id']}lobby 人員發現待報修')")
            assert "換線" not in await page.run(text("body")), "why stays on the box"
            await page.run("location.hash = '#/'")

            await until(page, f"{state}.includes('維護中')", wanted=False, within_s=2 * SOON_S)
            told = documents.Maintenance.model_validate(daemon.ctl("maintenance").document)
            assert told.maintenance is None
            assert daemon.ctl("faults", "repair", fault["id"], "--note", "已換").code == 0
            await until(page, f"{alarms}.includes('待結案 1')", within_s=SOON_S)
