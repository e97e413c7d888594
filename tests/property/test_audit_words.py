"""The two redirect URIs that a refusal's reason holds are found in it again, whatever came."""

from hypothesis import given
from hypothesis import strategies as st

from workgate.oauth.redirects import describe_mismatch
from workgate.web.audit_words import Marked, mismatch_in

REGISTERED = (
    "https://client.example/callback",
    "https://client.example/" + "a/" * 100 + "callback",
    "com.example.app:/callback",
)
pieces = st.sampled_from(
    ["https://client.example/", "callback", ">>>", "'", '"', "\\", ", registered is 'x>>>y'", "; they differ", "…", "é"]
)
came = st.lists(pieces | st.text(max_size=5), max_size=8).map("".join) | st.sampled_from(REGISTERED).flatmap(
    lambda uri: st.integers(0, len(uri)).map(lambda place: uri[:place] + uri[place + 1 :])
)


def whole(text: Marked) -> str:
    return text.before + text.marked + text.after


@given(came, st.sampled_from(REGISTERED))
def test_a_mismatch_is_found_again(requested: str, registered: str) -> None:
    if requested == registered:
        return
    reason = describe_mismatch(requested, [registered])
    found = mismatch_in(reason)
    assert found is not None
    assert found.came.before == found.registered.before
    assert whole(found.registered).strip("…") in registered
    assert found.came.marked or found.registered.marked
    if len(registered) <= 60 and len(requested) <= 60:
        assert whole(found.registered) == registered
        assert whole(found.came) == repr(requested)[1:-1]
        assert found.came.after == found.registered.after


@given(st.text())
def test_other_reasons_are_left_alone(reason: str) -> None:
    assert mismatch_in(reason) is None
    assert mismatch_in(describe_mismatch(reason, [])) is None
