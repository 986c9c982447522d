"""Text encodings: bytes in, text out, by the byte-order mark, the file's own declaration, or UTF-8."""

from __future__ import annotations

import codecs
import re
from json import detect_encoding
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.instances.errors import DocumentError

# UTF-32 first: its little-endian mark begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
DECLARATION = re.compile(rb"""<\?xml[^>]*?\bencoding\s*=\s*["']([^"']*)["']""")


def decode(content: bytes, path: Path, error: type[DocumentError]) -> str:
    """Return the text of a file, with a line feed at the end of each line.

    A byte-order mark decides; without one an XML declaration; without that UTF-8, or UTF-16 and UTF-32
    where the zeros among the first bytes show them.

    Raises
    ------
    DocumentError : the bytes are no such text (with the line), or Python knows no such encoding.
    """
    mark, encoding = next((pair for pair in MARKS if content.startswith(pair[0])), (b"", ""))
    body = content.removeprefix(mark)
    encoding = encoding or _declared(body)
    try:
        text = body.decode(encoding)
    except LookupError:
        allowed = "an encoding that Python knows, such as UTF-8, ISO-8859-1 or UTF-16"
        raise error(path, "line 1: encoding", repr(encoding), allowed, "Save the file as UTF-8.") from None
    except UnicodeDecodeError as failure:
        before = body[: failure.start].decode(encoding, "ignore")
        near = before.rpartition("\n")[2][-20:]
        name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        value = f"no {name} (byte 0x{body[failure.start]:02X} after {near!r})"
        place = f"line {before.count(chr(10)) + 1}"
        raise error(path, place, value, f"{name} text", "Save the file as UTF-8.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _declared(content: bytes) -> str:
    """Return the encoding of a file without a mark; a wide one without zeros among the bytes is none."""
    shown = detect_encoding(content[:4])
    match = DECLARATION.match(content)
    declared = match[1].decode("ascii", "replace") if match else shown
    wide = declared.lower().startswith(("utf-16", "utf-32", "utf16", "utf32", "ucs"))
    return shown if wide or shown != "utf-8" else declared
