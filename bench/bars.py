"""Bars as a picture (SVG), without a library: colours and text that can be read on a light page and on a dark one."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

INK: Final = "#6e7781"
"""4.6 : 1 on white, 4.1 : 1 on GitHub's dark."""
OTHERS: Final = "#8c959f"
OURS: Final = "#2f81f7"
WIDTH: Final = 960
GUTTER: Final = 40
TOP: Final = 34
HEADING: Final = 26
BAR: Final = 18
BETWEEN: Final = 6
NAME: Final = 92
VALUE: Final = 64
"""Room for the number behind the longest bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One value, and between what it lay."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars of one unit, in groups with a heading."""

    title: str
    groups: tuple[tuple[str, tuple[Bar, ...]], ...]

    @property
    def height(self) -> int:
        return TOP + sum(HEADING + len(bars) * (BAR + BETWEEN) for _, bars in self.groups)


def draw(title: str, panels: list[Panel], ours: str) -> str:
    """Panels side by side; the bar with the name `ours` stands out."""
    height = max(panel.height for panel in panels) + BETWEEN
    wide = (WIDTH - GUTTER * (len(panels) - 1)) / len(panels)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"',
        f' role="img" font-family="system-ui, sans-serif" font-size="14" fill="{INK}">',
        f"<title>{escape(title)}</title>",
    ]
    for number, panel in enumerate(panels):
        lines.append(f'<g transform="translate({number * (wide + GUTTER):g} 0)">')
        lines += _panel(panel, wide, ours)
        lines.append("</g>")
    return "\n".join([*lines, "</svg>", ""])


def _panel(panel: Panel, wide: float, ours: str) -> list[str]:
    most = max((bar.high for _, bars in panel.groups for bar in bars), default=0.0) or 1.0
    scale = (wide - NAME - VALUE) / most
    lines, y = [f'<text y="16" font-size="15" font-weight="600">{escape(panel.title)}</text>'], TOP
    for heading, bars in panel.groups:
        y += HEADING
        lines.append(f'<text y="{y - 8}">{escape(heading)}</text>')
        for bar in bars:
            mine = bar.name == ours
            weight = ' font-weight="600"' if mine else ""
            middle = y + BAR / 2
            low, high = NAME + bar.low * scale, NAME + bar.high * scale
            colour = OURS if mine else OTHERS
            lines += [
                f'<text x="{NAME - 8}" y="{y + 14}" text-anchor="end"{weight}>{escape(bar.name)}</text>',
                f'<rect x="{NAME}" y="{y}" width="{bar.value * scale:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
                f'<path d="M{low:.1f} {middle:g}H{high:.1f}" stroke="{INK}" stroke-width="2"/>',
                f'<text x="{high + 8:.1f}" y="{y + 14}"{weight}>{bar.value:.2f}</text>',
            ]
            y += BAR + BETWEEN
    return lines
