"""Brands, campaigns, their transitions and numbers, computed again for the things that a batch touches.

Touched is: what its facts name; both ids of every link in it; and, where a link changes what an id of the registry
stands for, that id, what it stood for before and what it stands for now, with their numbers, and for a brand the
campaigns that name it. So the cost grows with these, never with the facts that are stored. The caller holds the lock.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
import orjson

from projections.engine.table import Row
from projections.sql import queries
from projections.tables.ten_dlc.folds import Fact, fold_brand, fold_campaign, fold_number
from projections.tables.ten_dlc.ids import FactIds, has_shape

_SQL = queries("ten_dlc")

Number = tuple[str, str]  # phone number, campaign


@dataclass(frozen=True, slots=True)
class Entity:
    """A brand or campaign: the ids that facts name it by (none if it stands for another), and its TCR id."""

    stands_for: str | None
    names: tuple[str, ...]
    tcr_id: str | None


class RelinkedId(NamedTuple):
    """An id of the registry that stands for another thing than before."""

    entity: str
    alias: str
    was: str | None
    stands_for: str


Entities = Mapping[str, Entity]  # by id


async def refold(connection: asyncpg.Connection, touched: Sequence[tuple[Any, ...]]) -> None:
    """Brings the tables up to date with facts that are stored already; `touched` are the ids in them, as FactIds."""
    facts = [FactIds(*ids) for ids in touched]
    moved = await _relink(connection, facts)
    brands, campaigns, numbers = _brands(facts, moved), _campaigns(facts, moved), _numbers(facts)
    if moved:
        campaigns |= await _campaigns_of_brands(connection, moved)
        numbers |= await _numbers_of_campaigns(connection, moved)
    known = await _entities(connection, brands, campaigns | {campaign for _, campaign in numbers})
    await _refold_brands(connection, _select(known["brand"], brands))
    await _refold_campaigns(connection, _select(known["campaign"], campaigns))
    await _refold_numbers(connection, known["campaign"], numbers)
    linked = sorted({fact.campaign_id for fact in facts if fact.campaign_id and fact.links_campaign})
    if linked:
        await connection.execute(_SQL["show_tcr_ids"], linked, [known["campaign"][name].tcr_id for name in linked])


# --- what is touched


async def _relink(connection: asyncpg.Connection, facts: Iterable[FactIds]) -> list[RelinkedId]:
    """Writes what ids of the registry stand for now. Gives those that stood for something else, or nothing, before."""
    campaigns = sorted({fact.tcr_campaign_id for fact in facts if fact.tcr_campaign_id and fact.links_campaign})
    brands = sorted({fact.tcr_brand_id for fact in facts if fact.tcr_brand_id and fact.links_brand})
    if not (campaigns or brands):
        return []
    changed = await connection.fetch(_SQL["changed_links"], campaigns, brands)
    if changed:
        columns = [[row[name] for row in changed] for name in ("entity", "alias", "id", "event_key")]
        await connection.execute(_SQL["write_aliases"], *columns)
    return [
        RelinkedId(row["entity"], row["alias"], row["was"], row["id"]) for row in changed if row["id"] != row["was"]
    ]


def _brands(facts: Iterable[FactIds], moved: Iterable[RelinkedId]) -> set[str]:
    named = {fact.brand_id or fact.tcr_brand_id for fact in facts if fact.entity == "brand"}
    named |= {fact.brand_id for fact in facts if fact.links_brand}
    return {name for name in named | _moved("brand", moved) if name is not None}


def _campaigns(facts: Iterable[FactIds], moved: Iterable[RelinkedId]) -> set[str]:
    named = {fact.campaign_id or fact.tcr_campaign_id for fact in facts if fact.entity == "campaign"}
    named |= {fact.campaign_id for fact in facts if fact.links_campaign}
    return {name for name in named | _moved("campaign", moved) if name is not None}


def _moved(entity: str, moved: Iterable[RelinkedId]) -> set[str | None]:
    return {name for one in moved if one.entity == entity for name in (one.alias, one.was, one.stands_for)}


def _numbers(facts: Iterable[FactIds]) -> set[Number]:
    named = [(fact.phone_number, fact.campaign_id or fact.tcr_campaign_id) for fact in facts]
    return {(phone_number, campaign) for phone_number, campaign in named if phone_number and campaign}


async def _campaigns_of_brands(connection: asyncpg.Connection, moved: Iterable[RelinkedId]) -> set[str]:
    """Campaigns that name a brand by an id that stands for another brand now."""
    brands = [one.alias for one in moved if one.entity == "brand"]
    found = await connection.fetch(_SQL["campaigns_that_name_brands"], brands) if brands else []
    return {row["id"] for row in found}


async def _numbers_of_campaigns(connection: asyncpg.Connection, moved: Iterable[RelinkedId]) -> set[Number]:
    """Numbers that are known by an id that stands for another campaign now: under it, and under what it stood for."""
    campaigns = {one.alias: one.was for one in moved if one.entity == "campaign"}
    if not campaigns:
        return set()
    found = await connection.fetch(_SQL["numbers_of_campaigns"], list(campaigns))
    numbers = {(row["phone_number"], row["id"]) for row in found}
    return numbers | {(phone_number, was) for phone_number, name in numbers if (was := campaigns[name]) is not None}


async def _entities(
    connection: asyncpg.Connection, brands: Iterable[str], campaigns: Iterable[str]
) -> dict[str, dict[str, Entity]]:
    """By entity and id: these, and what they stand for."""
    wanted = [("brand", name) for name in brands] + [("campaign", name) for name in campaigns]
    columns = [[entity for entity, _ in wanted], [name for _, name in wanted]]
    known: dict[str, dict[str, Entity]] = {"brand": {}, "campaign": {}}
    for entity, name, stands_for, aliases, tcr_id in await connection.fetch(_SQL["entities"], *columns):
        names = () if stands_for else (name, *aliases)
        shown = tcr_id or (name if has_shape(entity, name) else None)
        known[entity][name] = Entity(stands_for, names, shown)
    return known


def _select(known: Entities, named: Iterable[str]) -> Entities:
    """The things that are named, and what they stand for; sorted, as rows are written."""
    wanted = {name for one in named for name in (one, known[one].stands_for) if name is not None}
    return {name: known[name] for name in sorted(wanted)}


# --- folds


async def _refold_brands(connection: asyncpg.Connection, brands: Entities) -> None:
    facts = await _facts_of(connection, "brand_facts", brands)
    rows = [
        {"brand_id": name, "tcr_brand_id": brands[name].tcr_id, **fold_brand(of_one)} for name, of_one in facts.items()
    ]
    await _write(connection, "write_brands", rows)
    await _delete(connection, "delete_brands", [name for name in brands if name not in facts])


async def _refold_campaigns(connection: asyncpg.Connection, campaigns: Entities) -> None:
    facts = await _facts_of(connection, "campaign_facts", campaigns)
    rows, history, last_seq = [], [], dict.fromkeys(campaigns, 0)
    for name, of_one in facts.items():
        row, transitions = fold_campaign(of_one)
        rows.append({"campaign_id": name, "tcr_campaign_id": campaigns[name].tcr_id, **row})
        history += [{"campaign_id": name, **transition} for transition in transitions]
        last_seq[name] = len(transitions)
    await _write(connection, "write_campaigns", rows)
    await _delete(connection, "delete_campaigns", [name for name in campaigns if name not in facts])
    await _write(connection, "write_transitions", history)
    if last_seq:
        await connection.execute(_SQL["cut_transitions"], list(last_seq), list(last_seq.values()))


async def _facts_of(connection: asyncpg.Connection, query: str, things: Entities) -> dict[str, list[Fact]]:
    """The facts of each thing that has any, in the order of events; things sorted."""
    thing_of = {name: key for key, thing in things.items() for name in thing.names}
    facts: dict[str, list[Fact]] = defaultdict(list)
    if thing_of:
        for fact in await connection.fetch(_SQL[query], list(thing_of)):
            facts[thing_of[fact["named"]]].append(fact)
    return {key: facts[key] for key in sorted(facts)}


async def _refold_numbers(connection: asyncpg.Connection, known: Entities, named: Iterable[Number]) -> None:
    numbers = sorted({(phone, key) for phone, name in named for key in (name, known[name].stands_for) if key})
    wanted = [(phone, name, key) for phone, key in numbers for name in known[key].names]
    facts: dict[Number, list[Fact]] = {number: [] for number in numbers}
    if wanted:
        number_of = {(phone, name): (phone, key) for phone, name, key in wanted}
        columns = [[phone for phone, _ in number_of], [name for _, name in number_of]]
        for fact in await connection.fetch(_SQL["number_facts"], *columns):
            facts[number_of[fact["phone_number"], fact["named"]]].append(fact)
    folded = {number: fold_number(of_one) for number, of_one in facts.items()}
    rows = [
        {"phone_number": phone, "campaign_id": key, "tcr_campaign_id": known[key].tcr_id, **row}
        for (phone, key), row in folded.items()
        if row is not None
    ]
    await _write(connection, "write_numbers", rows)
    gone = [number for number, row in folded.items() if row is None]
    await _delete(connection, "delete_numbers", [phone for phone, _ in gone], [key for _, key in gone])


# --- rows


async def _write(connection: asyncpg.Connection, query: str, rows: Sequence[Row]) -> None:
    """Rows sorted by primary key; a row that is there already stays untouched."""
    if rows:
        await connection.execute(_SQL[query], orjson.dumps(rows).decode())


async def _delete(connection: asyncpg.Connection, query: str, *columns: Sequence[str]) -> None:
    if columns[0]:
        await connection.execute(_SQL[query], *columns)
