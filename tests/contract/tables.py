"""The SQL contract: each relation's columns, their types and the primary key, written out literally.

Other tests and the oracle derive their column lists and keys from here. Columns that are not listed are internal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relation:
    columns: dict[str, str]
    key: tuple[str, ...]


def table(columns: str, *, key: str) -> Relation:
    return Relation(_types(columns), tuple(key.split(", ")))


def view(columns: str) -> Relation:
    return Relation(_types(columns), ())


def _types(columns: str) -> dict[str, str]:
    return dict(column.split() for column in columns.split(","))


_EVENT = """position bigint, event_key uuid, event_id text, account text, event_type text, retention_class text,
    occurred_at timestamptz, received_at timestamptz, recorded_at timestamptz, body bytea, signature bytea,
    signed_timestamp text, key_id text"""
_OPT_OUT = """messaging_profile_id text, phone_number text, account text, opted_out boolean, changed_at timestamptz,
    basis text, keyword text, via_number text, telnyx_blocked boolean, last_event_key uuid"""
TABLES = {
    "events": table(_EVENT, key="retention_class, occurred_at, event_key"),
    "message_deliveries": table(
        """message_id text, recipient text, account text, messaging_profile_id text, sender text, status text,
        is_final boolean, status_at timestamptz, message_type text, tcr_campaign_id text, group_message_id text,
        carrier text, line_type text, encoding text, parts integer, cost_amount numeric, cost_currency text,
        carrier_fee_amount numeric, error_codes text[], error_detail text, tags text[], queued_at timestamptz,
        sent_at timestamptz, completed_at timestamptz, first_event_at timestamptz, last_event_key uuid""",
        key="message_id, recipient",
    ),
    "inbound_messages": table(
        """message_id text, account text, messaging_profile_id text, sender text, recipients text[], cc text[],
        message_type text, encoding text, parts integer, carrier text, line_type text, autoresponse_type text,
        received_at timestamptz, event_key uuid""",
        key="message_id",
    ),
    "message_contents": table("message_id text, text text, media jsonb, event_key uuid", key="message_id"),
    "opt_out_events": table(
        """event_key uuid, phone_number text, account text, messaging_profile_id text, action text, basis text,
        keyword text, via_number text, telnyx_blocked boolean, occurred_at timestamptz""",
        key="event_key, phone_number",
    ),
    "opt_outs": table(_OPT_OUT, key="messaging_profile_id, phone_number"),
    "ten_dlc_events": table(
        """event_key uuid, account text, entity text, brand_id text, campaign_id text, tcr_campaign_id text,
        phone_number text, payload_type text, tcr_event_type text, status text, description text, reasons jsonb,
        csp_id text, nudge_intent text, occurred_at timestamptz""",
        key="event_key",
    ),
    "ten_dlc_aliases": table("entity text, alias text, id text, event_key uuid", key="entity, alias"),
    "brands": table(
        """brand_id text, account text, tcr_brand_id text, name text, registration_status text, identity_status text,
        vetting_status text, last_reason text, updated_event_at timestamptz, last_event_key uuid""",
        key="brand_id",
    ),
    "campaigns": table(
        """campaign_id text, account text, tcr_campaign_id text, brand_id text, csp_id text, status text,
        previous_status text, status_at timestamptz, reason text, is_t_mobile_registered boolean,
        number_pool_provisioned boolean, last_event_key uuid""",
        key="campaign_id",
    ),
    "campaign_transitions": table(
        """campaign_id text, seq integer, from_status text, to_status text, event_key uuid, payload_type text,
        tcr_event_type text, reason text, is_documented boolean, occurred_at timestamptz""",
        key="campaign_id, seq",
    ),
    "campaign_numbers": table(
        """phone_number text, campaign_id text, account text, tcr_campaign_id text, status text, reasons jsonb,
        status_at timestamptz, last_event_key uuid""",
        key="phone_number, campaign_id",
    ),
    "spend_limit_events": table(
        """event_key uuid, account text, messaging_profile_id text, configured_limit numeric, current_cost numeric,
        occurred_at timestamptz""",
        key="event_key",
    ),
    "hosted_number_orders": table(
        """order_id text, account text, last_event_key uuid, messaging_profile_id text, status text,
        status_at timestamptz, decision text, approval_deadline timestamptz""",
        key="order_id",
    ),
    "hosted_numbers": table(
        "order_id text, phone_number text, status text, status_at timestamptz, last_event_key uuid, account text",
        key="order_id, phone_number",
    ),
    "toll_free_verifications": table(
        "verification_id text, account text, status text, reason text, status_at timestamptz, last_event_key uuid",
        key="verification_id",
    ),
    "link_clicks": table(
        "event_key uuid, account text, message_id text, recipient text, url text, clicked_at timestamptz",
        key="event_key",
    ),
    "error_codes": table("code text, title text, category text, advice text", key="code"),
    "quarantined_webhooks": table(
        """quarantine_key uuid, account text, reason text, received_at timestamptz, body bytea, signature bytea,
        signed_timestamp text, key_id text, requeued_at timestamptz""",
        key="quarantine_key",
    ),
    "dead_letters": table(
        """projection text, event_key uuid, error_class text, sqlstate text, first_failed_at timestamptz,
        attempts integer, retention_class text, occurred_at timestamptz""",
        key="projection, event_key",
    ),
    "projection_state": table("name text, version integer, status text, reason text, since timestamptz", key="name"),
    "projection_offsets": table(
        """topic text, partition integer, next_offset bigint, last_offset bigint, last_event_key uuid, cluster_id text,
        owner text, updated_at timestamptz""",
        key="topic, partition",
    ),
    "signing_keys": table(
        """key_id text, account text, public_key bytea, not_before timestamptz, not_after timestamptz,
        first_seen_at timestamptz""",
        key="key_id",
    ),
    "event_seals": table(
        """seq bigint, first_position bigint, last_position bigint, events bigint, root bytea, chain bytea,
        sealed_at timestamptz""",
        key="seq",
    ),
    "store_epochs": table(
        "first_position bigint, last_position bigint, last_seal bigint, reason text, began_at timestamptz",
        key="first_position",
    ),
    "turns": table("turn smallint", key="turn"),
    "seal_count": table("seals bigint, one_row boolean", key="one_row"),
    "seal_groups": table("seq bigint, first_positions bigint[], roots bytea", key="seq"),
    "person_events": table(
        "phone_number text, occurred_at timestamptz, event_key uuid, retention_class text",
        key="phone_number, occurred_at, event_key",
    ),
}
_COUNTS = "messages bigint, delivered bigint, failed bigint, unconfirmed bigint, pending bigint"
VIEWS = {
    "event_payloads": view(f"{_EVENT}, payload jsonb"),
    "delivery_hourly": view(
        f"account text, messaging_profile_id text, hour timestamptz, {_COUNTS}, parts bigint, cost_amount numeric"
    ),
    "delivery_by_carrier_daily": view(f"account text, carrier text, line_type text, day date, {_COUNTS}"),
    "error_breakdown_daily": view(
        "account text, error_code text, day date, title text, category text, messages bigint"
    ),
    "opt_out_daily": view(
        """account text, messaging_profile_id text, day date, opt_outs bigint, opt_ins bigint, helps bigint,
        blocked_sends bigint"""
    ),
    "campaign_health": view(
        """campaign_id text, tcr_campaign_id text, account text, status text, status_at timestamptz, reason text,
        numbers_assigned bigint, messages bigint, delivered bigint, failed bigint, spam_blocked bigint"""
    ),
    "stuck_messages": view(
        "message_id text, recipient text, account text, sender text, carrier text, sent_at timestamptz"
    ),
    "opt_out_violations": view(
        """message_id text, recipient text, account text, messaging_profile_id text, status text, sent_at timestamptz,
        opted_out_at timestamptz, basis text, opt_out_event_key uuid, seconds_after numeric, known_before_send boolean,
        is_confirmation boolean"""
    ),
    "opt_outs_any_profile": view(
        """account text, phone_number text, profiles text[], first_opted_out_at timestamptz,
        last_changed_at timestamptz"""
    ),
    "toll_free_blocks": view(
        "via_number text, phone_number text, account text, blocked boolean, changed_at timestamptz"
    ),
    "uncovered_revocations": view(_OPT_OUT),
    "unregistered_traffic": view(
        """account text, sender text, day date, messages bigint, first_sent_at timestamptz, last_sent_at timestamptz,
        campaign_id text, campaign_status text, assigned_at timestamptz"""
    ),
    "event_id_conflicts": view(
        """account text, event_id text, events bigint, first_occurred_at timestamptz, last_occurred_at timestamptz"""
    ),
    "pipeline_lag": view("minute timestamptz, events bigint, p50_seconds double, p99_seconds double"),
}
RELATIONS = TABLES | VIEWS

# By projection: its version, and a digest of the rows that this version makes of the vendor's examples.
PROJECTION_VERSIONS = {
    "deliveries": (1, "b497c146f53dbf98"),
    "inbound": (1, "3e882d673ae16f6c"),
    "opt_outs": (1, "7c7a620433bbcd60"),
    "ten_dlc": (1, "e4a6a0577479b2b4"),
    "spend_limits": (1, "e4a6a0577479b2b4"),
    "hosted_numbers": (1, "f2dc8b278540b004"),
    "toll_free": (1, "e4a6a0577479b2b4"),
    "link_clicks": (1, "96f1bcb3762f3f34"),
    "persons": (1, "1818814951c43c4b"),
}

# By revision of the schema: a digest of its files. Before the first release a digest may follow its revision. After it,
# add a revision instead.
REVISIONS = {
    "0011": "88d4a7a8b76bf6dc7d46ab07ff9ac1d85024ad38976af5245103a954327fe8d8",
    "0012": "d233e5d2e26a295406ebaa989e184f1ed94a048ff3a62bc11d83a63085d3add0",
    "0013": "714fd600110236cc1a1d7631e0ccab13778e33f2127497ad208b6848ad7f2d32",
}
