"""Bar charts as SVG, readable on light and on dark paper: the colours follow the reader's preference."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.soft{fill:#59636e}.title{font-weight:600;font-size:15px}"
    ".a{fill:#0969da}.b{fill:#a5c9f5}.own .a{fill:#bc4c00}.own .b{fill:#f4b98a}.axis{stroke:#d1d9e0}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.soft{fill:#9198a1}.a{fill:#4493f8}.b{fill:#1f4f8f}"
    ".own .a{fill:#f0883e}.own .b{fill:#8a4a1c}.axis{stroke:#3d444d}}"
)
_WIDTH, _LEFT, _RIGHT, _ROW = 860, 300, 120, 28


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of two parts.

    Attributes:
        label: what it is of.
        parts: the two lengths.
        own: whether it is ours, and so in another colour.
    """

    label: str
    parts: tuple[float, float]
    own: bool = False


def chart(
    title: str, bars: Sequence[Bar], *, unit: str, names: tuple[str, str] | None = None, shortest_first: bool = True
) -> str:
    """Draw bars with their sums beside them; ``names`` are those of the two parts."""
    ordered = sorted(bars, key=lambda bar: sum(bar.parts)) if shortest_first else list(bars)
    longest = max((sum(bar.parts) for bar in ordered), default=0.0) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    height = 70 + _ROW * len(ordered)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{html.escape(title)}"><style>{_STYLE}</style>',
        f'<text class="title" x="10" y="24">{html.escape(title)}</text>',
    ]
    if names is not None:
        legend = f"dark: {names[0]}, pale: {names[1]}; {unit}"
        out.append(f'<text class="soft" x="10" y="44">{html.escape(legend)}</text>')
    else:
        out.append(f'<text class="soft" x="10" y="44">{html.escape(unit)}</text>')
    for number, bar in enumerate(ordered):
        top = 56 + number * _ROW
        first, second = (part * scale for part in bar.parts)
        own = ' class="own"' if bar.own else ""
        out.append(
            f'<g{own}><text x="{_LEFT - 10}" y="{top + 16}" text-anchor="end">{html.escape(bar.label)}</text>'
            f'<rect class="a" x="{_LEFT}" y="{top + 3}" width="{max(first, 0.5):.1f}" height="18"/>'
            f'<rect class="b" x="{_LEFT + first:.1f}" y="{top + 3}" width="{second:.1f}" height="18"/>'
            f'<text x="{_LEFT + first + second + 8:.1f}" y="{top + 16}">{_figure(sum(bar.parts))}</text></g>'
        )
    out.append(f'<line class="axis" x1="{_LEFT}" y1="54" x2="{_LEFT}" y2="{height - 12}"/></svg>\n')
    return "\n".join(out)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"
