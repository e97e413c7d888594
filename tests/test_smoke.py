"""The whole flow once."""

from tests.browser import World


def test_flow(world: World) -> None:
    for registered in (world.web, world.spa, world.plain):
        pair = world.connect(registered)
        assert pair["token_type"] == "sessionID"
        assert pair["expires_in"] > 0
        assert world.works(pair["access_token"])
        again = world.refresh(registered, pair["refresh_token"])
        assert again.status_code == 200, again.text
        assert world.works(again.json()["access_token"])
