"""Secrets that we share with identity providers: sealed under the key ring, each for its own provider."""

from workgate.crypto.sealing import Unsealable, seal, sealed_under, unseal
from workgate.crypto.tokens import Mint
from workgate.domain.ids import Clock, Entropy
from workgate.domain.sso import IdentityProvider, NotVouched

_PURPOSE = b"identity provider"


class ProviderSecrets:
    """Seals and opens them. A sealed secret names its key: it is sealed anew before that is retired."""

    def __init__(self, *, mint: Mint, clock: Clock, entropy: Entropy) -> None:
        self._mint = mint
        self._clock = clock
        self._entropy = entropy

    def sealed(self, provider: IdentityProvider, secret: str) -> bytes:
        """Seal a secret for a provider: moved to another one's row it does not open."""
        return seal(
            self._mint.ring,
            self._mint.current_key(self._clock.now()),
            secret.encode(),
            purpose=_PURPOSE,
            belongs_to=_owner(provider),
            entropy=self._entropy,
        )

    def renewed(self, provider: IdentityProvider) -> bytes | None:
        """Seal a provider's secret anew if the key ring has a newer key; None: it has not, or it cannot be opened."""
        sealed = provider.sealed_secret
        if sealed is None or sealed_under(sealed) == self._mint.current_key(self._clock.now()):
            return None
        try:
            secret = self.of(provider)
        except NotVouched:
            return None
        return None if secret is None else self.sealed(provider, secret)

    def of(self, provider: IdentityProvider) -> str | None:
        """Open a provider's secret; None: it has none.

        Raises:
            NotVouched: it cannot be opened, so nothing can be asked of the provider.
        """
        if provider.sealed_secret is None:
            return None
        try:
            opened = unseal(self._mint.ring, provider.sealed_secret, purpose=_PURPOSE, belongs_to=_owner(provider))
        except Unsealable as error:
            raise NotVouched(f"the provider's secret: {error}") from None
        return opened.decode()


def _owner(provider: IdentityProvider) -> bytes:
    return f"{provider.environment_id}.{provider.provider_id}".encode()
