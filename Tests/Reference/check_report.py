"""Looks at a report as a person would, in headless Chromium: check_report.py REPORT SCREENSHOT.

Every organization's line and the one of all must be drawn, words must be there, and nothing may stick out of the page.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

from PIL import Image

WIDTH, HEIGHT = 1160, 2600


def chromium(*arguments):
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
                   f"--window-size={WIDTH},{HEIGHT}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def main():
    report, screenshot = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    text = report.read_text()
    assert not re.search(r"(src|href)=|https?:|@import|url\(", text), "the report fetches something"
    chromium(f"--screenshot={screenshot}", report.as_uri())
    image = Image.open(screenshot).convert("RGB")
    colors = {color: count for count, color in image.getcolors(image.width * image.height)}
    lines = set(re.findall(r'<polyline [^>]*stroke="(#[0-9a-f]{6})"', text))
    assert len(lines) >= 4, lines
    for line in lines:
        own = tuple(int(line[i:i + 2], 16) for i in (1, 3, 5))
        # Thin lines are mostly half-tones of their colour.
        seen = sum(count for color, count in colors.items() if max(abs(a - b) for a, b in zip(color, own)) < 48)
        assert seen > 150, f"the line {line} covers {seen} pixels"
    dark = sum(count for color, count in colors.items() if max(color) < 90)
    assert dark > 5000, f"{dark} dark pixels: where are the words?"
    # The page says itself whether it is wider than its window.
    probe = report.with_name("report-probe.html")
    probe.write_text(text.replace("</body>", "<script>document.body.dataset.wide=document.documentElement.scrollWidth>innerWidth</script></body>"))
    try:
        assert 'data-wide="false"' in chromium("--dump-dom", probe.as_uri()), "the report is wider than its window"
    finally:
        probe.unlink()
    print(f"report looked at: {len(lines)} lines drawn, {dark} dark pixels; {screenshot}")


main()
