"""What each webhook says of one person, in words that need no knowledge of Telnyx; what stands; what was sent after it.

Everything here is plain text: page.py escapes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from projections.evidence.dossier import Dossier, EvidenceRow, OptOutState, Original, message_of
from projections.tables.deliveries import DEFAULT_STATUS, error_codes, error_detail, observations
from projections.tables.inbound import message_text
from projections.tables.opt_outs import BLOCKED_BY_STOP, OPT_OUTS
from schemas.kafka.record import Delivery
from schemas.reading.normalize import parties, party, text

ACTIONS = {
    ("opt_out", "autoresponse"): "Opt-out: Telnyx recognised the keyword, and blocks further messages.",
    ("opt_out", "keyword"): "Opt-out: the words “{keyword}” ask for it. Telnyx did not act on them.",
    ("opt_in", "autoresponse"): "Opt-in: Telnyx recognised the keyword, and allows messages again.",
    ("opt_in", "keyword"): "Opt-in: the word “{keyword}” asks for it. Telnyx did not act on it.",
    ("help", "autoresponse"): "The person asked for help.",
    ("help", "keyword"): "The person asked for help.",
}
BASES = {
    "autoresponse": "the person wrote “{keyword}” to {via_number}, and Telnyx recognised it",
    "keyword": "the person wrote to {via_number} in words that ask for it (“{keyword}”), which Telnyx did not act on",
    "blocked_send": "Telnyx refused a message from {via_number} to the person because of an opt-out (error 40300),"
    " which is itself not among the notices",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One webhook. `number` is that of its original; `notes` stand out; `kind` is opt_out, opt_in, violation or ''."""

    number: int
    original: Original
    words: str
    notes: Sequence[str]
    kind: str


def moment(at: datetime) -> str:
    """To the millisecond, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def timeline(dossier: Dossier) -> list[Line]:
    """A line for each original, in order of occurrence; numbers from 1."""
    return [_line(number, one, dossier) for number, one in enumerate(dossier.originals, start=1)]


def _line(number: int, one: Original, dossier: Dossier) -> Line:
    if one.event.type == "message.received":
        return _inbound(number, one, dossier.phone)
    words = _outbound(one, dossier.phone) if one.event.type in DEFAULT_STATUS else _click(one)
    after = dossier.sent_after_opt_out.get(message_of(one.event) or "")
    return Line(number, one, words, [violation(after)] if after else [], "violation" if after else "")


def _inbound(number: int, one: Original, phone: str) -> Line:
    payload = one.event.payload
    sender, to = party(payload.get("from")), ", ".join(parties(payload.get("to"))) or "an unnamed number"
    written = message_text(payload)
    what = f": “{written}”" if written else ", without text"
    if sender != phone:
        return Line(number, one, f"{sender or 'Somebody'} wrote to {to}, this person copied in{what}", [], "")
    row = one.row
    given = Delivery(
        row["body"], row["signature"], row["signed_timestamp"], row["key_id"], row["account"], row["received_at"]
    )
    facts = [fact for _, fact in OPT_OUTS.rows(one.event, given)]
    notes = [ACTIONS[fact["action"], fact["basis"]].format(keyword=fact["keyword"]) for fact in facts]
    kind = facts[0]["action"] if facts and facts[0]["action"] != "help" else ""
    return Line(number, one, f"The person wrote to {to}{what}", notes, kind)


def _outbound(one: Original, phone: str) -> str:
    payload = one.event.payload
    item = next((item for recipient, item in observations(one.event) if recipient == phone), {})
    status = text(item.get("status")) or DEFAULT_STATUS[one.event.type]
    codes, detail = error_codes(payload, item), error_detail(payload, item)
    written = message_text(payload)
    message, sender = message_of(one.event) or "without an id", party(payload.get("from")) or "an unnamed number"
    said = [f"Telnyx reported on message {message} from {sender} to the person: status “{status}”"]
    if BLOCKED_BY_STOP in codes:
        said.append("Telnyx refused it because the person had opted out (error 40300)")
    elif codes or detail:
        said.append(f"error {', '.join(codes)} ({detail})" if detail else f"error {', '.join(codes)}")
    if written:
        said.append(f"text: “{written}”")
    return "; ".join(said)


def _click(one: Original) -> str:
    payload = one.event.payload
    return (
        f"The person opened the link {text(payload.get('url')) or ''} of message {message_of(one.event) or 'unknown'}"
    )


def violation(row: EvidenceRow) -> str:
    """What is to be said of a message that was sent to somebody who had opted out."""
    words = f"Sent at {moment(row['sent_at'])}, after the opt-out of {moment(row['opted_out_at'])}"
    if row["is_confirmation"]:
        return f"{words}, from the number that was written to and within five minutes: one confirmation is allowed."
    known = "had been received here before" if row["known_before_send"] else "had not been received here yet"
    return f"{words}. When it was sent, the opt-out {known}."


def standing_words(standing: OptOutState, dossier: Dossier, numbers: Mapping[str, int]) -> list[str]:
    """What stood for one profile at the moment of the dossier; `numbers` are those of the originals by event_key."""
    lines = [_stood(standing.now, numbers)]
    now, then = standing.now, standing.then
    if dossier.at is not None and (now and now["last_event_key"]) != (then and then["last_event_key"]):
        lines.append("Not all of this was known at that moment. From what had been received here by then: ")
        lines[-1] += _stood(then, numbers)
    return lines


def _stood(row: EvidenceRow | None, numbers: Mapping[str, int]) -> str:
    if row is None:
        return "No opt-out and no opt-in is known."
    number = numbers.get(str(row["last_event_key"]))
    how = BASES[row["basis"]].format(
        keyword=row["keyword"] or "a longer text", via_number=row["via_number"] or "an unnamed number"
    )
    where = f"original {number}" if number else "its original is not in this folder"
    state = "Opted out since" if row["opted_out"] else "Not opted out: opted in on"
    blocked = "blocks" if row["telnyx_blocked"] else "does not block"
    return (
        f"{state} {moment(row['changed_at'])}. This is known because {how} ({where})."
        f" As far as its webhooks show, Telnyx itself {blocked} messages to this person."
    )
