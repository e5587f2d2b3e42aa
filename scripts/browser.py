"""Find a Chromium for the browser tests, else get one: system → Playwright → the system's packages (as root).

Prints the path of the executable, and nothing when none is possible; what it does goes to standard error.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
PACKAGES = ("chromium", "fonts-noto-cjk")
PLAYWRIGHT_SECONDS = 300


def main() -> None:
    browser = on_this_machine() or from_playwright() or from_packages()
    if not browser:
        say("no Chromium could be found or installed: browser tests will be SKIPPED")
    ensure_chinese_fonts()
    print(browser or "")  # noqa: T201  (the answer)


def on_this_machine() -> str | None:
    """$QUNZHU_CHROMIUM, a Chromium on the PATH, one in macOS' folder, or the one Playwright fetched before."""
    given = os.environ.get("QUNZHU_CHROMIUM")
    if given and Path(given).exists():
        return given
    for name in NAMES:
        if found := shutil.which(name):
            return found
    for path in MAC:
        if Path(path).exists():
            return path
    return _playwrights_own()


def _playwrights_own() -> str | None:
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p:\n"
        "    print(p.chromium.executable_path)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    path = done.stdout.strip()
    return path if path and Path(path).exists() else None


def from_playwright() -> str | None:
    say("no Chromium here; asking Playwright for one")
    try:
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"],
            stdout=sys.stderr,
            stdin=subprocess.DEVNULL,
            timeout=PLAYWRIGHT_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        say("Playwright could not download one")
        return None
    return _playwrights_own()


def from_packages() -> str | None:
    return shutil.which("chromium") if _apt_install(PACKAGES) else None


def ensure_chinese_fonts() -> None:
    """Without a Chinese font screenshots show boxes; only worth an attempt where we may install packages."""
    if not shutil.which("fc-list"):
        return
    done = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=False)  # noqa: S607
    if not done.stdout.strip():
        _apt_install(("fonts-noto-cjk",))


def _apt_install(packages: tuple[str, ...]) -> bool:
    if not shutil.which("apt-get") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    say(f"installing {' '.join(packages)} from the system's packages")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "install", "-y", *packages]):
        done = subprocess.run(  # noqa: S603
            command, env=environment, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            say(f"{' '.join(command)} failed")
            return False
    return True


def say(text: str) -> None:
    print(f"browser: {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
