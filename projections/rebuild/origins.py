"""The months of `events` that the rows of each table come from, as SQL expressions over `live`, a row of the table.

A month may be given up: detached, or dropped. The rows that came from it cannot be computed again, and a rebuild keeps
them. Consent facts above all: a person who opted out stays opted out.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The events of a row are of `retention_class` and lie between `first` and `last`, both included.

    `event_key` is one of them, the last one of a row that `has_several` events.
    """

    retention_class: str
    event_key: str
    first: str
    last: str
    has_several: bool = False

    @property
    def was_given_up(self) -> str:
        """Whether a month between the first and the last event was given up."""
        return (
            "exists (select from pg_temp.given_up_months as month where"
            f" month.retention_class = {self.retention_class}"
            f" and month.first_at <= {self.last} and month.end_at > {self.first})"
        )

    @property
    def event_is_stored(self) -> str:
        """Whether `events` holds the event: a late one may have come after its month was given up."""
        return (
            "exists (select from telnyx.events as event where"
            f" event.retention_class = {self.retention_class} and event.event_key = {self.event_key}"
            f" and event.occurred_at between {self.first} and {self.last})"
        )


def _of_one_event(retention_class: str, at: str = "live.occurred_at") -> Origin:
    return Origin(retention_class, "live.event_key", at, at)


def _of_several(retention_class: str, first: str, last: str) -> Origin:
    return Origin(retention_class, "live.last_event_key", first, last, has_several=True)


# A row of inbound_messages is taken whole from its latest event: earlier ones leave no trace in it.
# link_clicks knows the time of the click, which is minutes before the time of the event.
ORIGINS = {
    "message_deliveries": _of_several(
        "'traffic'",
        "least(live.first_event_at, live.status_at)",
        "greatest(live.status_at, live.cost_at, live.completed_at)",
    ),
    "inbound_messages": _of_one_event("'consent'"),
    "message_contents": _of_one_event("'consent'"),
    "opt_out_events": _of_one_event("case live.basis when 'blocked_send' then 'traffic' else 'consent' end"),
    "ten_dlc_events": _of_one_event("'registry'"),
    "spend_limit_events": _of_one_event("'traffic'"),
    "link_clicks": Origin(
        "'traffic'",
        "live.event_key",
        "live.clicked_at - interval '1 day'",
        "live.clicked_at + interval '1 day'",
    ),
    "person_events": _of_one_event("live.retention_class"),
    "hosted_number_orders": _of_several(
        "'registry'",
        "least(live.last_event_at, live.profile_at, live.status_at, live.decision_at, live.deadline_at)",
        "live.last_event_at",
    ),
    "hosted_numbers": _of_several("'registry'", "live.status_at", "live.status_at"),
    "toll_free_verifications": _of_several("'registry'", "live.status_at", "live.status_at"),
}
