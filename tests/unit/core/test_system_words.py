"""What the system says reads in Chinese too."""

import errno
import os

import pytest

from lianlu.core.errors import UsageError, failure_text
from lianlu.core.i18n import Text
from lianlu.core.system_words import system_words
from lianlu.records import Failure


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EISDIR, errno.ENAMETOOLONG, errno.ECONNREFUSED])
def test_common_refusals_have_chinese_words(number: int) -> None:
    worded = system_words(os.strerror(number))
    assert isinstance(worded, Text)
    assert worded.en == os.strerror(number)
    assert not worded.zh.isascii()


def test_other_facts_stay_as_they_are() -> None:
    assert system_words("the moon is down") == "the moon is down"
    assert system_words(3) == 3


def test_errors_and_failures_show_them() -> None:
    error = UsageError("file.unreadable", path="a.md", why=os.strerror(errno.EACCES))
    assert error.message("zh") == "无法读取 'a.md'：权限不足"
    assert "Permission denied" in error.message("en")
    failure = Failure(uri="a.md", code=error.code, reason="", hint="", facts={"path": "a.md", "why": os.strerror(13)})
    assert "权限不足" in failure_text(failure).message.zh


def test_an_errno_before_the_words_does_no_harm() -> None:
    assert system_words("[Errno 111] Connection refused").show("zh") == "连接被拒绝"  # type: ignore[attr-defined]
