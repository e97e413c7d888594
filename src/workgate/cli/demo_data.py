"""The made-up organisation of the demo."""

from collections.abc import Sequence
from typing import TypedDict

from workgate.domain.accounts import Environment, User
from workgate.domain.ids import Entropy, Milliseconds, new_object_id
from workgate.domain.objects import StoredObject

DOMAIN = "myorganization"
LANES = ("my", "preview")
PASSWORD = "correct horse battery"

_DAY = 86_400_000


class Person(TypedDict):
    """What creating a user takes."""

    username: str
    first_name: str
    last_name: str
    email: str
    is_admin: bool


PEOPLE: tuple[Person, ...] = (
    Person(username="ann", first_name="Ann", last_name="Archer", email="ann@myorganization.test", is_admin=True),
    Person(username="bob", first_name="Bob", last_name="Baker", email="bob@myorganization.test", is_admin=False),
    Person(username="cat", first_name="Cat", last_name="Cooper", email="cat@myorganization.test", is_admin=False),
)

# name, status, percent complete, priority, owner, days since entered, days until planned completion, description
_PROJECTS = (
    ("Website relaunch", "CUR", 60.0, 3, 0, 40, 20, "A new face for the spring."),
    ("Annual report", "CUR", 25.0, 2, 1, 21, 45, None),
    ("Trade fair stand", "PLN", 0.0, 2, 1, 12, 90, "Hall 4, stand 12."),
    ("Office move", "CPL", 100.0, 1, 0, 200, -30, None),
    ("Customer survey", "ONH", 10.0, 1, 2, 60, 120, "Waits for the new questions."),
    ("Brand guidelines", "CUR", 80.0, 4, 2, 90, 7, None),
)


def projects(
    environment: Environment, users: Sequence[User], *, now: Milliseconds, entropy: Entropy
) -> list[StoredObject]:
    """Make the demo's projects."""
    made = []
    for name, status, percent, priority, owner, entered, due, description in _PROJECTS:
        entered_at = Milliseconds(now - entered * _DAY)
        made.append(
            StoredObject(
                environment_id=environment.environment_id,
                obj_code="PROJ",
                object_id=new_object_id(entered_at, entropy),
                name=name,
                entered_at=entered_at,
                fields={
                    "status": status,
                    "percentComplete": percent,
                    "priority": priority,
                    "description": description,
                    "ownerID": users[owner].user_id,
                    "enteredByID": users[owner].user_id,
                    "customerID": environment.customer_id,
                    "plannedStartDate": entered_at,
                    "plannedCompletionDate": now + due * _DAY,
                    "projectedCompletionDate": now + (due + 3) * _DAY,
                },
            )
        )
    return made
