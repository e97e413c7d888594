"""Parameters: whatever bytes come, the answer is usable texts or a refusal."""

import json
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.params import LONGEST_VALUE, TOKEN_PARAMETERS, Params, from_form, from_json

names = st.sampled_from(sorted(TOKEN_PARAMETERS))
texts = st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1, max_size=80
)
forbidden = st.sampled_from([*map(chr, range(0x20)), "\x7f"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | names, inner, max_size=3),
    max_leaves=8,
)
form_parts = st.sampled_from(
    ["&", "=", "%", "+", "%00", "%0a", "%7f", "%ff", "%ed%a0%80", "%C3%A9", "code", "c%6fde", "client_id", "state", "é"]
)
json_parts = st.sampled_from(
    [
        '{"',
        '":',
        "{",
        "}",
        "[",
        "]",
        '"',
        ",",
        ":",
        "\\ud800",
        "\\u0000",
        "\\",
        "1e999",
        "-",
        "null",
        "NaN",
        "code",
        "9" * 5000,
    ]
)


def usable(outcome: Params | Refusal) -> bool:
    """What the rest of the server may rely on."""
    if isinstance(outcome, Refusal):
        return outcome.fault in {Fault.BODY_MALFORMED, Fault.MALFORMED_PARAMETER, Fault.REPEATED_PARAMETER}
    values: list[object] = [*outcome.values()]
    return all(isinstance(value, str) for value in values) and all(
        name in TOKEN_PARAMETERS
        and 0 < len(value) <= LONGEST_VALUE
        and not any(character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in value)
        for name, value in outcome.items()
    )


def fault_of(outcome: Params | Refusal) -> Fault | None:
    return outcome.fault if isinstance(outcome, Refusal) else None


@given(st.binary(max_size=300) | st.lists(form_parts, max_size=20).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_as_a_form(body: bytes) -> None:
    assert usable(from_form(body, TOKEN_PARAMETERS))


@given(st.binary(max_size=300) | st.lists(json_parts, max_size=20).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_as_json(body: bytes) -> None:
    assert usable(from_json(body, TOKEN_PARAMETERS))


@given(st.dictionaries(names, json_values, max_size=4))
def test_any_value_as_json(values: dict[str, Any]) -> None:
    assert usable(from_json(json.dumps(values).encode(), TOKEN_PARAMETERS))


@given(st.dictionaries(names, texts | st.just("")))
def test_what_is_sent_is_what_is_read(params: dict[str, str]) -> None:
    sent = {name: value for name, value in params.items() if value}
    assert from_form(urlencode(params).encode(), TOKEN_PARAMETERS) == sent
    assert from_form(urlencode(params, quote_via=quote).encode(), TOKEN_PARAMETERS) == sent
    assert from_json(json.dumps(params).encode(), TOKEN_PARAMETERS) == sent
    assert from_json(json.dumps(params, ensure_ascii=False).encode(), TOKEN_PARAMETERS) == sent


@given(st.dictionaries(names, texts), st.text(max_size=20).filter(lambda name: name not in TOKEN_PARAMETERS), texts)
def test_unknown_parameters_are_ignored(params: dict[str, str], unknown: str, value: str) -> None:
    noise = f"{quote_plus(unknown, errors='replace')}={quote_plus(value)}"
    form = "&".join([noise, urlencode(params), noise])
    assert from_form(form.encode(), TOKEN_PARAMETERS) == params
    assert from_json(json.dumps({**params, unknown: [value]}).encode(), TOKEN_PARAMETERS) == params


@given(names, texts, texts, st.dictionaries(names, texts))
def test_a_repeated_parameter_is_refused(name: str, first: str, second: str, others: dict[str, str]) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in name.encode())
    for again in (name, escaped):
        pairs = [(name, first), *((key, value) for key, value in others.items() if key != name)]
        form = f"{urlencode(pairs)}&{again}={quote_plus(second)}"
        assert fault_of(from_form(form.encode(), TOKEN_PARAMETERS)) is Fault.REPEATED_PARAMETER


@given(names, texts, texts, st.dictionaries(names, texts))
def test_a_repeated_member_is_refused(name: str, first: str, second: str, others: dict[str, str]) -> None:
    escaped = "".join(f"\\u{ord(character):04x}" for character in name)
    for again in (name, escaped):
        pairs = [(name, first), *((key, value) for key, value in others.items() if key != name)]
        members = [f'"{key}":{json.dumps(value)}' for key, value in pairs] + [f'"{again}": {json.dumps(second)}']
        body = "{" + ",".join(members) + "}"
        assert fault_of(from_json(body.encode(), TOKEN_PARAMETERS)) is Fault.REPEATED_PARAMETER


@given(names, st.text(max_size=9), forbidden, st.text(max_size=9))
def test_control_characters_are_refused(name: str, before: str, control: str, after: str) -> None:
    value = before + control + after
    form = f"{name}={quote_plus(value, errors='replace')}"
    assert fault_of(from_form(form.encode(), TOKEN_PARAMETERS)) is Fault.MALFORMED_PARAMETER
    assert isinstance(from_json(json.dumps({name: value}).encode(), TOKEN_PARAMETERS), Refusal)


@given(names, st.integers(0xD800, 0xDFFF), st.text(max_size=9).filter(str.isascii))
def test_half_a_surrogate_pair_is_refused(name: str, half: int, beside: str) -> None:
    value = json.dumps(beside)[1:-1]
    for text in (f"\\u{half:04x}{value}", f"{value}\\u{half:04x}"):
        assert isinstance(from_json(f'{{"{name}":"{text}"}}'.encode(), TOKEN_PARAMETERS), Refusal)
    encoded = "".join(f"%{byte:02X}" for byte in chr(half).encode("utf-8", "surrogatepass"))
    assert isinstance(from_form(f"{name}={encoded}".encode(), TOKEN_PARAMETERS), Refusal)


@given(names, st.integers(LONGEST_VALUE - 2, LONGEST_VALUE + 2))
def test_the_longest_value(name: str, length: int) -> None:
    for outcome in (
        from_form(f"{name}={'a' * length}".encode(), TOKEN_PARAMETERS),
        from_json(json.dumps({name: "a" * length}).encode(), TOKEN_PARAMETERS),
    ):
        assert isinstance(outcome, Refusal) == (length > LONGEST_VALUE)


@given(st.dictionaries(names, texts, min_size=1), st.data())
def test_a_refusal_repeats_nothing_that_was_sent(params: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(params)))
    secret = "Wq7-" + "s" * 40
    for body in (f"{name}={secret}%00", f"{name}={secret}&{name}={secret}", f"{name}={secret}%ff"):
        outcome = from_form(body.encode(), TOKEN_PARAMETERS)
        assert isinstance(outcome, Refusal)
        assert secret not in repr(outcome) + outcome.fault.description


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"code":' + b"[" * 50_000,
        b'{"code":' + b"9" * 60_000 + b"}",
        b'{"code":1e99999}',
        b'{"code":NaN}',
        b'{"code":"\x00"}',
        b'{"code":"\xff"}',
        b'{"code":"a"}{"code":"a"}',
        b'["code"]',
        b'"code"',
        b"null",
        b"",
        '{"code":"a"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"code":"a"}',
    ],
)
def test_json_that_is_no_object_of_texts(body: bytes) -> None:
    assert isinstance(from_json(body, TOKEN_PARAMETERS), Refusal)


@pytest.mark.parametrize("unknown", ["1" * 6000, "1e99999", "[" * 50 + "]" * 50, "null", "true"])
def test_odd_values_of_unknown_members_do_no_harm(unknown: str) -> None:
    outcome = from_json(f'{{"extra":{unknown},"code":"c","token":null}}'.encode(), TOKEN_PARAMETERS)
    assert outcome == {"code": "c"} or fault_of(outcome) is Fault.BODY_MALFORMED
