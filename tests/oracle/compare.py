"""Whether the rows of Postgres are the expected ones: every contract column, values and types.

Amounts must agree in every digit, trailing zeros included; numbers inside jsonb by value, because jsonb rewrites them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import asyncpg

from tests.oracle.bodies import parse
from tests.oracle.rows import Rows
from tests.oracle.values import Real

KEYS: dict[str, tuple[str, ...]] = {
    "events": ("retention_class", "occurred_at", "event_key"),
    "quarantined_webhooks": ("quarantine_key",),
    "message_deliveries": ("message_id", "recipient"),
    "inbound_messages": ("message_id",),
    "message_contents": ("message_id",),
    "opt_out_events": ("event_key", "phone_number"),
    "opt_outs": ("messaging_profile_id", "phone_number"),
    "ten_dlc_events": ("event_key",),
    "ten_dlc_aliases": ("entity", "alias"),
    "brands": ("brand_id",),
    "campaigns": ("campaign_id",),
    "campaign_transitions": ("campaign_id", "seq"),
    "campaign_numbers": ("phone_number", "campaign_id"),
    "spend_limit_events": ("event_key",),
    "hosted_number_orders": ("order_id",),
    "hosted_numbers": ("order_id", "phone_number"),
    "toll_free_verifications": ("verification_id",),
    "link_clicks": ("event_key",),
    "person_events": ("phone_number", "occurred_at", "event_key"),
}
COLUMNS: dict[str, str] = {
    "events": """event_key, event_id, account, event_type, retention_class, occurred_at, received_at, body, signature,
        signed_timestamp, key_id""",
    "quarantined_webhooks": """quarantine_key, account, reason, received_at, body, signature, signed_timestamp, key_id,
        requeued_at""",
    "message_deliveries": """message_id, recipient, account, messaging_profile_id, sender, status, is_final, status_at,
        message_type, tcr_campaign_id, group_message_id, carrier, line_type, encoding, parts, cost_amount,
        cost_currency, carrier_fee_amount, error_codes, error_detail, tags, queued_at, sent_at, completed_at,
        first_event_at, last_event_key""",
    "inbound_messages": """message_id, account, messaging_profile_id, sender, recipients, cc, message_type, encoding,
        parts, carrier, line_type, autoresponse_type, received_at, event_key""",
    "message_contents": "message_id, text, media, event_key",
    "opt_out_events": """event_key, account, messaging_profile_id, phone_number, action, basis, keyword, via_number,
        telnyx_blocked, occurred_at""",
    "opt_outs": """messaging_profile_id, phone_number, account, opted_out, changed_at, basis, keyword, via_number,
        telnyx_blocked, last_event_key""",
    "ten_dlc_events": """event_key, account, entity, brand_id, campaign_id, tcr_campaign_id, phone_number, payload_type,
        tcr_event_type, status, description, reasons, csp_id, nudge_intent, occurred_at""",
    "ten_dlc_aliases": "entity, alias, id, event_key",
    "brands": """brand_id, account, tcr_brand_id, name, registration_status, identity_status, vetting_status,
        last_reason, updated_event_at, last_event_key""",
    "campaigns": """campaign_id, account, tcr_campaign_id, brand_id, csp_id, status, previous_status, status_at, reason,
        is_t_mobile_registered, number_pool_provisioned, last_event_key""",
    "campaign_transitions": """campaign_id, seq, from_status, to_status, event_key, payload_type, tcr_event_type,
        reason, is_documented, occurred_at""",
    "campaign_numbers": """phone_number, campaign_id, account, tcr_campaign_id, status, reasons, status_at,
        last_event_key""",
    "spend_limit_events": "event_key, account, messaging_profile_id, configured_limit, current_cost, occurred_at",
    "hosted_number_orders": """order_id, account, messaging_profile_id, status, status_at, decision, approval_deadline,
        last_event_key""",
    "hosted_numbers": "order_id, phone_number, account, status, status_at, last_event_key",
    "toll_free_verifications": "verification_id, account, status, reason, status_at, last_event_key",
    "link_clicks": "event_key, account, message_id, recipient, url, clicked_at",
    "person_events": "phone_number, occurred_at, event_key, retention_class",
}
JSONB = frozenset({"media", "reasons"})


async def stored_tables(connection: asyncpg.Connection) -> dict[str, Rows]:
    """What Postgres holds, in the shape of the oracle's tables."""
    return {
        table: await stored_rows(connection, KEYS[table], f"select {columns} from telnyx.{table}")
        for table, columns in COLUMNS.items()
    }


async def stored_rows(connection: asyncpg.Connection, key: tuple[str, ...], query: str, *arguments: object) -> Rows:
    """The rows of a query, by key. Two rows with one key are an error of the query."""
    rows: Rows = {}
    for record in await connection.fetch(query, *arguments):
        row = {name: parse(value.encode()) if name in JSONB and value else value for name, value in record.items()}
        where = tuple(UUID(str(row[name])) if isinstance(row[name], UUID) else row[name] for name in key)
        assert where not in rows, f"two rows for {where}"
        rows[where] = row
    return rows


def differences(expected: Mapping[str, Rows], found: Mapping[str, Rows]) -> list[str]:
    """One line, `table.column of key: …`, per row or column that differs; empty where all tables are equal."""
    lines = [f"{table}: not compared" for table in expected.keys() ^ found.keys()]
    for table in expected.keys() & found.keys():
        lines += rows_differences(table, expected[table], found[table])
    return sorted(lines)


def rows_differences(table: str, expected: Rows, found: Rows) -> list[str]:
    lines = [f"{table} of {_short(key)}: missing" for key in expected.keys() - found.keys()]
    lines += [f"{table} of {_short(key)}: not expected" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        wanted, seen = expected[key], found[key]
        names = wanted.keys() | seen.keys()
        lines += [
            f"{table}.{name} of {_short(key)}: expected {_short(wanted.get(name))}, found {_short(seen.get(name))}"
            for name in names
            if name not in wanted or name not in seen or not same(name, wanted[name], seen[name])
        ]
    return lines


def same(name: str, wanted: object, seen: object) -> bool:
    """Equal in value and type; `name` tells whether it is JSON."""
    convert = _json if name in JSONB else _typed
    return bool(convert(wanted) == convert(seen))


def _typed(value: object) -> object:
    if isinstance(value, Decimal):
        return ("numeric", format(value, "f"))
    if isinstance(value, UUID):
        return ("uuid", str(value))
    if isinstance(value, datetime):
        assert value.utcoffset() is not None
        return ("timestamptz", value.astimezone(UTC))
    if isinstance(value, list):
        return ("array", [_typed(item) for item in value])
    return (type(value).__name__, value)


def _json(value: object) -> object:
    if isinstance(value, Real):
        return ("number", Fraction(value.written))
    if isinstance(value, int) and not isinstance(value, bool):
        return ("number", Fraction(value))
    if isinstance(value, list):
        return ("array", [_json(item) for item in value])
    if isinstance(value, dict):
        return ("object", {name: _json(item) for name, item in value.items()})
    return (type(value).__name__, value)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 200 else shown[:200] + "…"
