"""A real server and a real Chromium. Both are found or the tests are skipped, loudly, with the reason."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Playwright, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass
class Server:
    """`qunzhu web` (or `up`) on a free port, with its own home and database. It can be stopped and started again."""

    home: Path
    port: int
    part: str = "web"
    ready: str = "/healthz"
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.home / "web.log").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "qunzhu.config.cli", self.part, "--port", str(self.port)],
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
            )
        self._wait_until_ready(self.process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                if httpx.get(self.url + self.ready).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)  # the pace of asking, not a guess how long it takes
        raise RuntimeError(f"the server did not start:\n{(self.home / 'web.log').read_text()[-4000:]}")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def run(self, *arguments: str) -> str:
        """A command of this installation; its output."""
        done = subprocess.run(
            [sys.executable, *arguments], env=self.environment, cwd=ROOT, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def post(self, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a member's page would post."""
        answer = httpx.post(f"{self.url}/in/local{path}", json=body, cookies={"qz_member": token})
        assert answer.status_code == 200, answer.text
        return answer.json()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """HTTP alone: what members do to each other needs nothing else."""
    with installation("web", "/healthz") as running:
        running.start()
        yield running


@contextmanager
def installation(part: str, ready: str) -> Iterator[Server]:
    """An empty installation, migrated, not started; removed in the end."""
    home = Path(tempfile.mkdtemp(prefix="qzb-", dir="/tmp"))  # short: PostgreSQL's socket lies in it
    home.chmod(0o755)
    running = Server(home, free_port(), part, ready)
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "QUNZHU_SUPERVISOR"}}
    running.environment = {**kept, "QUNZHU_HOME": str(home), "QUNZHU_PUBLIC_URL": running.url}
    try:
        running.run("-m", "qunzhu.ui.messages")
        running.run("-m", "qunzhu.config.cli", "migrate")
        yield running
    finally:
        running.stop()
        from qunzhu.kernel.database import stop_embedded

        if (home / "pg").exists():
            stop_embedded(home / "pg")
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class House:
    """A whole installation at work: receiver, consumers, delivery, console, and a community from its blueprint."""

    server: Server
    slug: str
    group: int
    code: str
    tokens: list[str]
    password: str

    def console(self, path: str = "") -> str:
        return f"{self.server.url}/console/{self.slug}/{path}"


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with installation("up", "/readyz") as running:
        told = running.run(str(Path(__file__).with_name("seed_house.py"))).splitlines()[-1]
        running.start()
        yield House(running, **json.loads(told))


@dataclass(frozen=True)
class Community:
    """A group of its own for one test: ids, the join code, and the cookies of its members by nickname."""

    id: int
    group: int
    code: str
    members: dict[str, int]
    tokens: dict[str, str]


@pytest.fixture
def community(server: Server) -> Community:
    return Community(**json.loads(server.run(str(Path(__file__).with_name("seed.py")))))


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    """The system's Chromium, else Playwright's own; else these tests are skipped with the reason."""
    tried: list[str] = []
    found = [path for name in SYSTEM_BROWSERS if (path := shutil.which(name))]
    for path in [os.environ.get("QUNZHU_CHROMIUM"), *found, None]:
        if path is None and tried and os.environ.get("QUNZHU_CHROMIUM"):
            continue
        try:
            browser = playwright_driver.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            tried.append(f"{path or 'Playwright'}: {str(error).splitlines()[0]}")
            continue
        yield browser
        browser.close()
        return
    pytest.skip("NO CHROMIUM, browser tests did not run. Tried " + "; ".join(tried) + ". Try: make browser")


@pytest.fixture
def phone(chromium: Browser, server: Server, community: Community) -> Iterator[Callable[..., Page]]:
    """Opens the phone of a member, by nickname, in the group chat; without one a stranger's, on an empty page.

    A page that logs an error or throws fails its test.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_phone(nickname: str | None = None, **options: Any) -> Page:
        context = chromium.new_context(**{"viewport": PHONE, "has_touch": True, "is_mobile": True, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        if nickname is not None:
            context.add_cookies([{"name": "qz_member", "value": community.tokens[nickname], "url": server.url}])
            page.goto(f"{server.url}/g/{community.group}/")
            page.locator(".entry").first.wait_for()
        return page

    yield open_phone
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def people(chromium: Browser, house: House) -> Iterator["People"]:
    """Phones and desks of one test in the whole installation; a page that logs an error fails its test."""
    found = People(chromium, house)
    yield found
    found.close()
    assert found.problems == []


class People:
    """Opens phones of new members and desks of the owner."""

    def __init__(self, chromium: Browser, house: House) -> None:
        self.problems: list[str] = []
        self._chromium, self._house = chromium, house
        self._contexts: list[BrowserContext] = []

    def page(self, **options: Any) -> Page:
        """An empty page in a browser of its own."""
        context = self._chromium.new_context(locale="zh-CN", **options)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._heard(page, said))
        return page

    def _heard(self, page: Page, said: ConsoleMessage) -> None:
        if said.type == "error":  # a violated content security policy is one
            self.problems.append(f"{page.url}: {said.text}")

    def phone(self, nickname: str, **options: Any) -> Page:
        """A new member who has just joined the group by its link."""
        page = self.page(viewport=PHONE, has_touch=True, is_mobile=True, **options)
        page.goto(f"{self._house.server.url}/j/{self._house.code}/")
        page.fill("input[name=nickname]", nickname)
        page.get_by_role("button", name="加入群聊").click()
        page.locator(".entry").first.wait_for()
        return page

    def desk(self, path: str = "", **options: Any) -> Page:
        """The owner, signed in, at a page of the console."""
        page = self.page(**{"viewport": DESK, **options})
        page.goto(self._house.console(path))
        page.fill("[name=username]", "owner")
        page.fill("[name=password]", self._house.password)
        page.keyboard.press("Enter")
        page.locator("main h1").wait_for()
        page.wait_for_load_state()  # the keys are listened to from then on
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
