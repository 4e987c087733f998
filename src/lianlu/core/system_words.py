"""What the operating system says when it refuses, in Chinese. Errors carry it as their fact `why`, in English."""

from __future__ import annotations

import errno
import os

from lianlu.core.i18n import Text

__all__ = ["system_words"]

_SAID: dict[str, str] = {
    **{
        os.strerror(number): words
        for number, words in (
            (errno.EACCES, "权限不足"),
            (errno.EPERM, "不允许此操作"),
            (errno.ENOENT, "没有这个文件或文件夹"),
            (errno.EEXIST, "文件已存在"),
            (errno.EISDIR, "这是文件夹，不是文件"),
            (errno.ENOTDIR, "这是文件，不是文件夹"),
            (errno.ENOTEMPTY, "文件夹不是空的"),
            (errno.ENAMETOOLONG, "文件名过长"),
            (errno.EROFS, "文件系统是只读的"),
            (errno.ENOSPC, "磁盘已满"),
            (errno.EDQUOT, "超出磁盘配额"),
            (errno.EMFILE, "打开的文件过多"),
            (errno.ENFILE, "系统打开的文件过多"),
            (errno.ELOOP, "符号链接成环"),
            (errno.EIO, "读写出错，磁盘或网络盘可能有故障"),
            (errno.EINVAL, "参数无效"),
            (errno.ETXTBSY, "文件正在执行"),
            (errno.EXDEV, "不能跨文件系统"),
            (errno.ENXIO, "没有这个设备或地址"),
            (errno.ENOMEM, "内存不足"),
            (errno.EADDRINUSE, "地址已被占用"),
            (errno.EADDRNOTAVAIL, "本机没有这个地址"),
            (errno.ECONNREFUSED, "连接被拒绝"),
            (errno.ECONNRESET, "连接被对方断开"),
            (errno.EHOSTUNREACH, "主机不可达"),
            (errno.ENETUNREACH, "网络不可达"),
            (errno.ETIMEDOUT, "超时"),
        )
    },
    "command line": "命令行",
    "not UTF-8 text": "不是 UTF-8 文本",
    "neither a file nor a folder": "既不是文件，也不是文件夹",
    "All connection attempts failed": "连接被拒绝，或地址不可达",
    "Name or service not known": "找不到这个主机名",
    "Temporary failure in name resolution": "暂时无法解析主机名",
    "No address associated with hostname": "这个主机名没有地址",
}


def system_words(said: object) -> object:
    """A fact that the system worded, in both languages; anything else as it is."""
    if not isinstance(said, str):
        return said
    bare = said.split("] ", 1)[1] if said.startswith("[Errno") and "] " in said else said
    return Text(said, _SAID[bare]) if bare in _SAID else said
