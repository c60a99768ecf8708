"""Recomputes brands, campaigns, their transitions and numbers for the entities that a batch touches.

A batch touches:

- the entities that its facts name, and both ids of every link in it;
- if a link changes which entity an id of the registry stands for: that id, the entity before and the entity now, with
  their numbers, and for a brand the campaigns that name it.

The cost grows with these entities, never with the number of stored facts. The caller holds the lock.
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
    """A brand or campaign. `names` are the ids that facts use for it, and none if the id stands for another entity."""

    stands_for: str | None
    names: tuple[str, ...]
    tcr_id: str | None


class RelinkedId(NamedTuple):
    """An id of the registry that stands for another entity than before; `was` is None if it stood for none."""

    entity: str
    alias: str
    was: str | None
    stands_for: str


Entities = Mapping[str, Entity]  # by id


async def refold(connection: asyncpg.Connection, touched: Sequence[tuple[Any, ...]]) -> None:
    """Brings the tables up to date with facts that are stored already. `touched` are their ids, as FactIds."""
    facts = [FactIds(*ids) for ids in touched]
    relinked = await _relink(connection, facts)
    brands, campaigns, numbers = _brands(facts, relinked), _campaigns(facts, relinked), _numbers(facts)
    if relinked:
        campaigns |= await _campaigns_of_brands(connection, relinked)
        numbers |= await _numbers_of_campaigns(connection, relinked)
    known = await _entities(connection, brands, campaigns | {campaign for _, campaign in numbers})
    await _refold_brands(connection, _select(known["brand"], brands))
    await _refold_campaigns(connection, _select(known["campaign"], campaigns))
    await _refold_numbers(connection, known["campaign"], numbers)
    linked = sorted({fact.campaign_id for fact in facts if fact.campaign_id and fact.links_campaign})
    if linked:
        await connection.execute(_SQL["show_tcr_ids"], linked, [known["campaign"][name].tcr_id for name in linked])


# --- touched entities


async def _relink(connection: asyncpg.Connection, facts: Iterable[FactIds]) -> list[RelinkedId]:
    """Stores which entities the registry's ids stand for now. Gives the ids for which that changed."""
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


def _brands(facts: Iterable[FactIds], relinked: Iterable[RelinkedId]) -> set[str]:
    named = {fact.brand_id or fact.tcr_brand_id for fact in facts if fact.entity == "brand"}
    named |= {fact.brand_id for fact in facts if fact.links_brand}
    return {name for name in named | _touched_by_links("brand", relinked) if name is not None}


def _campaigns(facts: Iterable[FactIds], relinked: Iterable[RelinkedId]) -> set[str]:
    named = {fact.campaign_id or fact.tcr_campaign_id for fact in facts if fact.entity == "campaign"}
    named |= {fact.campaign_id for fact in facts if fact.links_campaign}
    return {name for name in named | _touched_by_links("campaign", relinked) if name is not None}


def _touched_by_links(entity: str, relinked: Iterable[RelinkedId]) -> set[str | None]:
    return {name for link in relinked if link.entity == entity for name in (link.alias, link.was, link.stands_for)}


def _numbers(facts: Iterable[FactIds]) -> set[Number]:
    named = [(fact.phone_number, fact.campaign_id or fact.tcr_campaign_id) for fact in facts]
    return {(phone_number, campaign) for phone_number, campaign in named if phone_number and campaign}


async def _campaigns_of_brands(connection: asyncpg.Connection, relinked: Iterable[RelinkedId]) -> set[str]:
    """Campaigns that name a brand by an id that now stands for another brand."""
    brands = [link.alias for link in relinked if link.entity == "brand"]
    found = await connection.fetch(_SQL["campaigns_that_name_brands"], brands) if brands else []
    return {row["id"] for row in found}


async def _numbers_of_campaigns(connection: asyncpg.Connection, relinked: Iterable[RelinkedId]) -> set[Number]:
    """Numbers under an id that now stands for another campaign, and under the campaign it stood for before."""
    campaigns = {link.alias: link.was for link in relinked if link.entity == "campaign"}
    if not campaigns:
        return set()
    found = await connection.fetch(_SQL["numbers_of_campaigns"], list(campaigns))
    numbers = {(row["phone_number"], row["id"]) for row in found}
    return numbers | {(phone_number, was) for phone_number, name in numbers if (was := campaigns[name]) is not None}


async def _entities(
    connection: asyncpg.Connection, brands: Iterable[str], campaigns: Iterable[str]
) -> dict[str, dict[str, Entity]]:
    """These brands and campaigns, and the entities they stand for, by kind and id."""
    wanted = [("brand", name) for name in brands] + [("campaign", name) for name in campaigns]
    columns = [[entity for entity, _ in wanted], [name for _, name in wanted]]
    known: dict[str, dict[str, Entity]] = {"brand": {}, "campaign": {}}
    for entity, name, stands_for, aliases, tcr_id in await connection.fetch(_SQL["entities"], *columns):
        names = () if stands_for else (name, *aliases)
        shown = tcr_id or (name if has_shape(entity, name) else None)
        known[entity][name] = Entity(stands_for, names, shown)
    return known


def _select(known: Entities, named: Iterable[str]) -> Entities:
    """The named entities and those they stand for, sorted in the order in which rows are written."""
    wanted = {name for key in named for name in (key, known[key].stands_for) if name is not None}
    return {name: known[name] for name in sorted(wanted)}


# --- folds


async def _refold_brands(connection: asyncpg.Connection, brands: Entities) -> None:
    facts = await _facts_of(connection, "brand_facts", brands)
    rows = [
        {"brand_id": name, "tcr_brand_id": brands[name].tcr_id, **fold_brand(entity_facts)}
        for name, entity_facts in facts.items()
    ]
    await _write(connection, "write_brands", rows)
    await _delete(connection, "delete_brands", [name for name in brands if name not in facts])


async def _refold_campaigns(connection: asyncpg.Connection, campaigns: Entities) -> None:
    facts = await _facts_of(connection, "campaign_facts", campaigns)
    rows, history, last_seq = [], [], dict.fromkeys(campaigns, 0)
    for name, entity_facts in facts.items():
        row, transitions = fold_campaign(entity_facts)
        rows.append({"campaign_id": name, "tcr_campaign_id": campaigns[name].tcr_id, **row})
        history += [{"campaign_id": name, **transition} for transition in transitions]
        last_seq[name] = len(transitions)
    await _write(connection, "write_campaigns", rows)
    await _delete(connection, "delete_campaigns", [name for name in campaigns if name not in facts])
    await _write(connection, "write_transitions", await _changed(connection, history))
    if last_seq:
        await connection.execute(_SQL["cut_transitions"], list(last_seq), list(last_seq.values()))


async def _changed(connection: asyncpg.Connection, history: Sequence[Row]) -> list[Row]:
    """The transitions that are not stored like this. A new fact is mostly the latest: those before it stay."""
    campaigns = sorted({transition["campaign_id"] for transition in history})
    if not campaigns:
        return []
    stored = {(row["campaign_id"], row["seq"]): row for row in await connection.fetch(_SQL["transitions"], campaigns)}
    return [row for row in history if dict(stored.get((row["campaign_id"], row["seq"]), ())) != row]


async def _facts_of(connection: asyncpg.Connection, query: str, entities: Entities) -> dict[str, list[Fact]]:
    """The facts of each entity that has any, in the order of events; the entities are sorted."""
    entity_of = {name: key for key, entity in entities.items() for name in entity.names}
    facts: dict[str, list[Fact]] = defaultdict(list)
    if entity_of:
        for fact in await connection.fetch(_SQL[query], list(entity_of)):
            facts[entity_of[fact["named"]]].append(fact)
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
    folded = {number: fold_number(number_facts) for number, number_facts in facts.items()}
    rows = [
        {"phone_number": phone, "campaign_id": key, "tcr_campaign_id": known[key].tcr_id, **row}
        for (phone, key), row in folded.items()
        if row is not None
    ]
    await _write(connection, "write_numbers", rows)
    empty = [number for number, row in folded.items() if row is None]
    await _delete(connection, "delete_numbers", [phone for phone, _ in empty], [key for _, key in empty])


# --- rows


async def _write(connection: asyncpg.Connection, query: str, rows: Sequence[Row]) -> None:
    """Writes rows, which are sorted by primary key. A row that is already stored like this is not touched."""
    if rows:
        await connection.execute(_SQL[query], orjson.dumps(rows).decode())


async def _delete(connection: asyncpg.Connection, query: str, *columns: Sequence[str]) -> None:
    if columns[0]:
        await connection.execute(_SQL[query], *columns)
