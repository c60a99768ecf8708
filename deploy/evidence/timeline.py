"""Describes one person's webhooks in plain words: each notice, the opt-out state, and messages sent after an opt-out.

Everything here is plain text, which page.py escapes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from projections.evidence.dossier import Dossier, EvidenceRow, OptOutState, Original
from projections.tables.deliveries import DEFAULT_STATUS, errors_of, observations
from projections.tables.inbound import message_text
from projections.tables.opt_outs import BLOCKED_BY_STOP, OPT_OUTS
from schemas.kafka.record import Delivery
from schemas.reading.normalize import parties, party, text

ACTIONS = {
    ("opt_out", "autoresponse"): "Opt-out: Telnyx recognised the keyword and blocks further messages.",
    ("opt_out", "keyword"): "Opt-out: the words “{keyword}” ask for it. Telnyx did not act on them.",
    ("opt_in", "autoresponse"): "Opt-in: Telnyx recognised the keyword and allows messages again.",
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
    """One webhook. `number` names its original, `notes` are highlighted, `kind` is opt_out, opt_in, violation or ''."""

    number: int
    original: Original
    words: str
    notes: Sequence[str]
    kind: str


def moment(at: datetime) -> str:
    """Return the time to the millisecond, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def timeline(dossier: Dossier) -> list[Line]:
    """Return a line for each original, in order of occurrence, numbered from 1."""
    return [_line(number, original, dossier) for number, original in enumerate(dossier.originals, start=1)]


def _line(number: int, original: Original, dossier: Dossier) -> Line:
    if original.event.type == "message.received":
        return _inbound(number, original, dossier.phone)
    words = _outbound(original, dossier.phone) if original.event.type in DEFAULT_STATUS else _click(original)
    after = dossier.sent_after_opt_out.get(original.message or "")
    return Line(number, original, words, [violation(after)] if after else [], "violation" if after else "")


def _inbound(number: int, original: Original, phone: str) -> Line:
    payload = original.event.payload
    sender, to = party(payload.get("from")), ", ".join(parties(payload.get("to"))) or "an unnamed number"
    written = message_text(payload)
    what = f": “{written}”" if written else ", without text"
    if sender != phone:
        words = f"{sender or 'An unnamed number'} wrote to {to}, with this person in copy{what}"
        return Line(number, original, words, [], "")
    given = Delivery(**{name: original.row[name] for name in Delivery._fields})
    facts = [fact for _, fact in OPT_OUTS.rows(original.event, given)]
    notes = [ACTIONS[fact["action"], fact["basis"]].format(keyword=fact["keyword"]) for fact in facts]
    kind = facts[0]["action"] if facts and facts[0]["action"] != "help" else ""
    return Line(number, original, f"The person wrote to {to}{what}", notes, kind)


def _outbound(original: Original, phone: str) -> str:
    payload = original.event.payload
    item = next((item for recipient, item in observations(original.event) if recipient == phone), {})
    status = text(item.get("status")) or DEFAULT_STATUS[original.event.type]
    errors = errors_of(payload)
    codes, detail = errors.codes(item), errors.detail(item)
    written = message_text(payload)
    message, sender = original.message or "without an id", party(payload.get("from")) or "an unnamed number"
    said = [f"Telnyx reported on message {message} from {sender} to the person: status “{status}”"]
    if BLOCKED_BY_STOP in codes:
        said.append("Telnyx refused it because the person had opted out (error 40300)")
    elif codes or detail:
        said.append(f"error {', '.join(codes)} ({detail})" if detail else f"error {', '.join(codes)}")
    if written:
        said.append(f"text: “{written}”")
    return "; ".join(said)


def _click(original: Original) -> str:
    link, message = text(original.event.payload.get("url")) or "", original.message or "unknown"
    return f"The person opened the link {link} of message {message}"


def violation(row: EvidenceRow) -> str:
    """Return the note on a message that was sent to a person who had opted out."""
    words = f"Sent at {moment(row['sent_at'])}, after the opt-out of {moment(row['opted_out_at'])}"
    if row["is_confirmation"]:
        return f"{words}, from the number that the person wrote to, within five minutes: one confirmation is allowed."
    known = "had been received here before" if row["known_before_send"] else "had not been received here yet"
    return f"{words}. When it was sent, the opt-out {known}."


def opt_out_words(state: OptOutState, dossier: Dossier, numbers: Mapping[str, int]) -> list[str]:
    """Describe the opt-out state of one profile at the moment of the dossier. `numbers`: originals by event_key."""
    lines = [_state_words(state.now, numbers)]
    now, then = state.now, state.then
    if dossier.at is not None and (now and now["last_event_key"]) != (then and then["last_event_key"]):
        lines.append("Not all of this was known at that moment. From what had been received here by then: ")
        lines[-1] += _state_words(then, numbers)
    return lines


def _state_words(row: EvidenceRow | None, numbers: Mapping[str, int]) -> str:
    if row is None:
        return "No opt-out and no opt-in is known."
    number = numbers.get(str(row["last_event_key"]))
    how = BASES[row["basis"]].format(
        keyword=row["keyword"] or "a longer text", via_number=row["via_number"] or "an unnamed number"
    )
    where = f"original {number}" if number else "its original is not in this folder"
    since = "Opted out since" if row["opted_out"] else "Not opted out: opted in on"
    blocked = "blocks" if row["telnyx_blocked"] else "does not block"
    return (
        f"{since} {moment(row['changed_at'])}. This is known because {how} ({where})."
        f" As far as its webhooks show, Telnyx itself {blocked} messages to this person."
    )
