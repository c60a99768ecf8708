"""The simulated account: profiles, numbers, people and blocks, all chosen by one seeded generator."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TypeVar

T = TypeVar("T")

# Carriers as Telnyx spells them (free text), how often they occur, and their fee per part in 1/100,000 of a dollar.
CARRIERS = (
    ("T-MOBILE USA, INC.", 34, 305),
    ("AT&T", 27, 300),
    ("Verizon Wireless", 27, 330),
    ("Bell & Virgin", 4, 0),
    ("U.S. Cellular", 4, 450),
    ("Google (Grand Central) - SVR", 4, 200),
)
AREA_CODES = ("206", "212", "303", "312", "404", "415", "512", "617", "702", "919")
REGISTRY_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RATE = 400  # the price of a part, in the unit of the fees


@dataclass(frozen=True, slots=True)
class Person:
    phone_number: str
    carrier: str
    carrier_fee: int


@dataclass(frozen=True, slots=True)
class Profile:
    id: str
    numbers: tuple[tuple[str, str], ...]  # phone number and line type
    tcr_campaign_id: str | None
    tags: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(slots=True)
class World:
    """`clock` gives the times of events: a fixed sequence for a given seed, or the real time."""

    rng: Random
    clock: Callable[[], datetime]
    organization_id: str = ""
    profiles: tuple[Profile, ...] = ()
    people: tuple[Person, ...] = ()
    blocked: set[tuple[str, str]] = field(default_factory=set)  # (profile id, phone number)

    def __post_init__(self) -> None:
        self.organization_id = self.new_id()
        self.profiles = _profiles(self)
        self.people = tuple(_person(self.rng, n) for n in range(400))

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def new_tcr_id(self, letter: str) -> str:
        """Return an id of The Campaign Registry, of a campaign (C) or a brand (B), with at least one digit."""
        return f"{letter}{self.rng.randint(0, 9)}{''.join(self.rng.choices(REGISTRY_LETTERS, k=5))}"

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, items: Sequence[tuple[T, int]]) -> T:
        """Choose one item of (item, weight) pairs."""
        return self.rng.choices([item for item, _ in items], [weight for _, weight in items])[0]


def _person(rng: Random, n: int) -> Person:
    # 555-0100 to 555-0199 is reserved for fiction in every area code: no simulated number belongs to a person.
    number = f"+1{AREA_CODES[n % len(AREA_CODES)]}5550{100 + n // len(AREA_CODES) % 100}"
    carrier, _, fee = rng.choices(CARRIERS, [weight for _, weight, _ in CARRIERS])[0]
    return Person(number, carrier, fee)


REMINDER = (
    "Reminder: your appointment is tomorrow at {h}:30. Reply C to confirm, R to reschedule, STOP to opt out. "
    "Please bring a photo id and the form that we sent you, and come ten minutes early so that we can start on time."
)


def _profiles(world: World) -> tuple[Profile, ...]:
    return (
        Profile(
            id=world.new_id(),
            numbers=(("+13125550190", "long_code"), ("+13125550191", "long_code"), ("+17735550192", "long_code")),
            tcr_campaign_id=world.new_tcr_id("C"),
            tags=("orders", "shipping"),
            texts=(
                "Your order {n} has shipped and should arrive on Thursday. Reply STOP to opt out.",
                "Order {n} is ready for pickup.",
                "Good news 🎉 order {n} was delivered. How did we do?",
            ),
        ),
        Profile(
            id=world.new_id(),
            numbers=(("+18335550193", "toll_free"),),
            tcr_campaign_id=None,
            tags=("appointments",),
            texts=(
                REMINDER,
                "Your appointment at {h}:30 is confirmed.",
            ),
        ),
        Profile(
            id=world.new_id(),
            numbers=(("88555", "short_code"), ("+14155550194", "long_code")),
            tcr_campaign_id=world.new_tcr_id("C"),
            tags=("login", "2fa"),
            texts=(
                "{n} is your login code. It is valid for ten minutes.",
                "Código de acceso: {n}. No lo comparta, ¡ni con nosotros!",
            ),
        ),
    )
