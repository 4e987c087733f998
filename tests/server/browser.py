"""Headless Chromium for the tests of this folder: a page with a driver in it types and clicks, and is printed at the end."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lianlu.web import running

__all__ = ["BROWSER", "Drive", "driving", "needs_browser", "shown"]

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
Drive = Callable[..., str]

_DRIVER = """
<script>
const evil = () => { document.body.dataset.evil = "ran"; };
const state = () => document.documentElement.dataset.state;
// The browser's clock stands still while a request is under way, so each look takes real time.
const wait = async (fact) => { while (!fact()) await fetch("health"); };
const say = (text) => {
  document.getElementById("question").value = text;
  document.getElementById("form").requestSubmit();
};
const asked = async (text) => { say(text); await wait(() => state() === "ready"); };
const press = (id) => document.getElementById(id).click();
window.confirm = () => true;
(async () => { ACTIONS; document.body.dataset.done = "yes"; })();
</script>
"""


def shown(url: str, profile: Path, *, lang: str = "en") -> str:
    """What a page has become, without its scripts and styles.

    Args:
        profile: folder of the browser's memory; the same one remembers.
    """
    done = subprocess.run(
        [
            str(BROWSER),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--accept-lang={lang}",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return re.sub(r"<script>.*?</script>|<style>.*?</style>", "", done.stdout, flags=re.S)


@contextmanager
def driving(app: FastAPI, html: str, profile: Path) -> Generator[Drive]:
    """`drive(actions)` does something on the page `html` of an app and gives what it has become.

    The page lies beside the real one, without its policy, so that the driver may run. Without actions the real page is
    shown, under its own policy.
    """
    actions = ""

    async def driven(_: Request) -> Response:
        driver = _DRIVER.replace("ACTIONS", actions.replace("</script>", "<\\/script>"))
        page = html.replace("</body>", f"{driver}</body>")
        return HTMLResponse(page, headers={"Content-Security-Policy": "default-src * 'unsafe-inline'"})

    app.router.add_route("/driven", driven)
    with running(app) as url:

        def drive(script: str = "", *, lang: str = "en", fragment: str = "") -> str:
            nonlocal actions
            actions = script
            page = shown(f"{url}/{'driven' if script else ''}{fragment}", profile, lang=lang)
            assert not script or 'data-done="yes"' in page, page[-2000:]
            return page

        yield drive
