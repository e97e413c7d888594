"""Operations on what an application proves itself with: client secrets and public keys."""

from collections.abc import Sequence

from workgate.domain.problems import NotFound
from workgate.service.descriptions import (
    GeneratedPair,
    NewSecret,
    ShownKey,
    ShownSecret,
    show_key,
    show_new_secret,
    show_pair,
    show_secret,
)
from workgate.web.api.bodies import NewKeyBody, NewPairBody, NewSecretBody, NoteBody, Nothing, PageQuery
from workgate.web.api.calls import AdminServices, Call, KeyList, SecretList, page_of, row_place


async def list_secrets(services: AdminServices, call: Call[PageQuery, None]) -> SecretList:
    """List an application's client secrets, of each its last four characters."""
    found = await _secrets(services, call)
    page, following = page_of(
        found, lambda secret: row_place(secret.id), after=call.query.after, limit=call.query.limit
    )
    return SecretList(secrets=page, following=following)


async def add_secret(services: AdminServices, call: Call[Nothing, NewSecretBody]) -> NewSecret:
    """Add a client secret; it is shown this once, and the others go on working."""
    registry = services.registry
    secret, text = await registry.add_secret(call.environment, call.client_id, call.body.note, by=call.acting)
    return show_new_secret(call.client_id, secret, text)


async def note_secret(services: AdminServices, call: Call[Nothing, NoteBody]) -> ShownSecret:
    """Give a client secret another note."""
    secret_id, note = call.path["secret_id"], call.body.note
    await services.registry.note_secret(call.environment, call.client_id, secret_id, note, by=call.acting)
    for secret in await _secrets(services, call):
        if secret.id == secret_id:
            return secret
    raise NotFound("the secret was deleted meanwhile")


async def delete_secret(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Delete a client secret; tokens that it fetched live on until they expire."""
    await services.registry.delete_secret(call.environment, call.client_id, call.path["secret_id"], by=call.acting)


async def list_keys(services: AdminServices, call: Call[PageQuery, None]) -> KeyList:
    """List a machine-to-machine application's public keys."""
    found = await services.keys.keys(call.environment, call.client_id, by=call.acting)
    page, following = page_of(
        found, lambda key: row_place(str(key.key_id)), after=call.query.after, limit=call.query.limit
    )
    return KeyList(keys=[show_key(key) for key in page], following=following)


async def add_key(services: AdminServices, call: Call[Nothing, NewKeyBody]) -> ShownKey:
    """Add a public key to a machine-to-machine application; it speaks for whoever adds it."""
    pem, note = call.body.public_key, call.body.note
    return show_key(await services.keys.add(call.environment, call.client_id, pem, note=note, by=call.acting))


async def generate_key(services: AdminServices, call: Call[Nothing, NewPairBody]) -> GeneratedPair:
    """Make a key pair and add its public half; the private half is shown this once and kept nowhere."""
    made = await services.keys.generate(call.environment, call.client_id, note=call.body.note, by=call.acting)
    return show_pair(made.key, made.private_key)


async def delete_key(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Delete a public key; sessions that it opened live on until they expire."""
    await services.keys.delete(call.environment, call.client_id, call.path["key_id"], by=call.acting)


async def _secrets(services: AdminServices, call: Call[object, object]) -> Sequence[ShownSecret]:
    application = await services.registry.application(call.environment, call.client_id, by=call.acting)
    now = services.clock.now()
    return [show_secret(secret, application.secrets, now) for secret in application.secrets]
