"""The words of the status screen in the two languages it speaks. Pure; imports the standard library.

Office staff read Traditional Chinese; everything else, and a Linux console, which cannot draw Chinese, gets English.
Reasons and actions come from the daemon as they are. The words are those of the plan: 錄影硬碟, 最低保存期限…
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["en", "zh_TW"]

WORDS: Final[Mapping[str, str]] = {
    # verdicts
    "OK": "正常",
    "WARNING": "注意",
    "CRITICAL": "異常",
    "UNKNOWN": "不明",
    "all cameras are recording": "所有攝影機錄影中",
    # without an answer
    "systemctl status edged, then journalctl -u edged -n 50": (
        "請先執行 systemctl status edged，再執行 journalctl -u edged -n 50"
    ),
    "run edgectl as root or with sudo": "請以 root 身分或 sudo 執行 edgectl",
    # the top of the screen
    "clock in sync": "已校時",
    "clock not in sync": "未校時",
    "running": "已執行",
    "still working off an unclean stop": "正在處理前次未正常停止的檔案",
    # cameras
    "Camera": "攝影機",
    "State": "狀態",
    "Picture": "畫面",
    "fps": "fps",
    "Mbit/s": "Mbit/s",
    "Kept": "已保存",
    "Floor": "最低期限",
    "24 h": "完整率",
    "no cameras are configured": "未設定攝影機",
    "recording": "錄影中",
    "degraded": "品質不佳",
    "down": "無畫面",
    "disabled": "停用",
    "since": "始於",
    # volumes
    "Volume": "錄影硬碟",
    "Segments": "錄影檔",
    "Used": "已用",
    "Limit": "上限",
    "Free": "剩餘",
    "in-service": "使用中",
    "full": "已滿",
    "away": "離線",
    "retired": "已退役",
    "lost": "已失",
    # broker
    "Centre": "中央管理端",
    "not configured": "未設定",
    "connected to": "已連線",
    "not connected to": "未連線",
    "events waiting:": "待送事件",
    # alarms
    "Alarms": "異常通報",
    "none": "無",
    "info": "訊息",
    "warning": "注意",
    "critical": "異常",
    "more; see": "則未列，請執行",
    # faults
    "No faults.": "沒有報修中的故障。",
    "open for": "歷時",
    "repaired in": "修復時間",
    "found": "發現",
    "again": "再次發生",
    "joined": "另有異常",
    "over": "已無異常",
    "reported": "已報修",
    "repaired": "已修復",
    "checked": "已驗收",
    "the box": "本機",
    "the box still sees it:": "本機仍偵測到：",
    "the box sees nothing of it any more": "本機已偵測不到異常，待人員結案",
    "not reported for more than a day": "發現逾一日尚未報修",
    "not repaired for more than two weeks": "發現逾兩週尚未修復",
    # maintenance
    "Maintenance": "設備維護",
    "No maintenance is under way.": "目前沒有設備維護作業。",
    "the whole box": "整部主機",
    "until": "至",
    "alarms held back:": "暫緩通報",
    "Reason": "事由",
    "Accompanied by": "會同人員",
    # a low screen
    "… {} more lines: edgectl status": "… 另有 {} 行，請執行 edgectl status",
    # spans
    "d": "天",
    "h": "時",
    "m": "分",
    "s": "秒",
}


def language_of(environ: Mapping[str, str]) -> Language:
    """What the person reads, from LC_ALL, LC_MESSAGES or LANG, the first that is set deciding."""
    wanted = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh_TW" if wanted.startswith("zh_TW") and environ.get("TERM") != "linux" else "en"


def word(text: str, tongue: Language) -> str:
    """The word in that language; a word without a translation stays as it is."""
    return text if tongue == "en" else WORDS.get(text, text)
