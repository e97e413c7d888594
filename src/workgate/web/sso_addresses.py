"""Where sign-ins at identity providers begin."""

from urllib.parse import quote

BEGIN_PATH = "/sso/{provider_id}/begin"
TEST_PATH = "/sso/{provider_id}/test"


def begin_address(provider_id: str, target: str) -> str:
    """Where a sign-in at a provider begins that leads to ``target``, a path of our own, afterwards."""
    return f"{BEGIN_PATH.format(provider_id=provider_id)}?next={quote(target, safe='')}"


def test_address(provider_id: str, target: str) -> str:
    """Where an administrator's test begins, whose page leads back to ``target``, a path of our own."""
    return f"{TEST_PATH.format(provider_id=provider_id)}?next={quote(target, safe='')}"
