"""Forms that can carry a file (RFC 7578), as strictly as all others: known names, each at most once, within limits.

The library takes the body apart; it is in memory by then, and not larger than the limit. Nothing is written to disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from workgate import asgi

LARGEST_FORM = 768 * 1024
"""Room for a logo that is somewhat too large, so that this can be said beside its field."""
_MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class Posted:
    """What was posted: texts and files by name. A file field that was left empty is not among them."""

    texts: Mapping[str, str]
    files: Mapping[str, bytes]


NOTHING = Posted({}, {})


async def posted_form(request: Request, *, texts: frozenset[str], files: frozenset[str]) -> Posted | None:
    """Read the named fields of a ``multipart/form-data`` body.

    Returns:
        What was posted; nothing at all of a form that is malformed; None if it is too large.
    """
    content_type = asgi.header(request.scope, b"content-type") or ""
    body = await asgi.read_body(request.scope, request.receive, LARGEST_FORM)
    if body is None:
        return None
    if asgi.content_type(request.scope) != "multipart/form-data":
        return NOTHING
    reader = _Reader(texts=texts, files=files)
    return reader.posted if reader.read(content_type, body) else NOTHING


class _Refused(Exception):
    """The form is not one of ours."""


@dataclass(slots=True, kw_only=True)
class _Reader:
    """What the parser tells, in its order: part by part, header by header, data in pieces."""

    texts: frozenset[str]
    files: frozenset[str]
    posted: Posted = field(default_factory=lambda: Posted({}, {}))
    _found: dict[str, str | bytes | None] = field(default_factory=dict)
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _data: bytearray = field(default_factory=bytearray)
    _parts: int = 0
    _ended: bool = False

    def read(self, content_type: str, body: bytes) -> bool:
        """Take a body apart; False: it is malformed."""
        # Most starts never see such a form.
        from python_multipart.exceptions import MultipartParseError  # noqa: PLC0415
        from python_multipart.multipart import MultipartParser, parse_options_header  # noqa: PLC0415

        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:  # RFC 2046 §5.1.1
            return False
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
                "on_part_end": lambda: self._end(*parse_options_header(self._disposition)),
                "on_end": self._finish,
            },
            max_size=LARGEST_FORM,
        )
        try:
            parser.write(body)
            parser.finalize()
        except (MultipartParseError, _Refused, UnicodeDecodeError):
            return False
        texts = {name: value for name, value in self._found.items() if isinstance(value, str)}
        files = {name: value for name, value in self._found.items() if isinstance(value, bytes)}
        self.posted = Posted(texts, files)
        return self._ended

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _Refused
        self._disposition = b""
        self._data.clear()

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            if self._disposition:
                raise _Refused
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end(self, disposition: bytes, options: Mapping[bytes, bytes]) -> None:
        if disposition != b"form-data":
            raise _Refused
        name = options.get(b"name", b"").decode()
        if name not in self.texts and name not in self.files:
            return
        if name in self._found or (name in self.files) != (b"filename" in options):
            raise _Refused
        if name in self.texts:
            # RFC 7578 §5.1: browsers write the page's encoding, which is UTF-8.
            self._found[name] = self._data.decode().replace("\r\n", "\n").replace("\r", "\n")
        else:
            empty = not options[b"filename"] and not self._data
            self._found[name] = None if empty else bytes(self._data)

    def _finish(self) -> None:
        self._ended = True
