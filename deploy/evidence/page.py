"""The page for people. Every value of a webhook is escaped: nothing in it can load, run or hide anything."""

import html
from collections.abc import Iterable
from importlib.resources import files
from string import Template

from deploy.evidence.timeline import Line, moment, opt_out_words, violation
from projections.evidence.dossier import Dossier

EMOJI_JOINER = "\u200d"


def page(dossier: Dossier, lines: list[Line]) -> str:
    template = Template((files("deploy.evidence") / "page.html").read_text("utf-8"))
    return template.substitute(
        phone=shown(dossier.phone),
        scope=_scope(dossier),
        made_at=moment(dossier.made_at),
        standings=_standings(dossier, lines),
        violations=_violations(dossier),
        lines="\n".join(_row(line, dossier) for line in lines),
        sealed=_sealed(dossier),
        left_out="\n".join(f"<li>{item}</li>" for item in _left_out(dossier)),
        keys="\n".join(
            _cells(key.key_id, key.account, key.public_key.hex(), moment(seen)) for key, seen in dossier.keys
        ),
    )


def shown(text: str) -> str:
    """Return escaped text, isolated from its surroundings. Invisible and direction-changing characters are named."""
    visible = "".join(
        character if character.isprintable() or character in ("\n", EMOJI_JOINER) else f"⟨U+{ord(character):04X}⟩"
        for character in text
    )
    return f"<bdi>{html.escape(visible)}</bdi>"


def _named(profile: str) -> str:
    return shown(profile) if profile else "(none named)"


def _scope(dossier: Dossier) -> str:
    of_profile = "" if dossier.profile is None else f" and is of the messaging profile {_named(dossier.profile)}"
    until = "" if dossier.at is None else f" and had occurred by {moment(dossier.at)}"
    return f"Everything that is known about this number{of_profile}{until}: {len(dossier.originals)} notices."


def _standings(dossier: Dossier, lines: list[Line]) -> str:
    numbers = {line.original.key: line.number for line in lines}
    when = "As far as is known now" if dossier.at is None else f"On {moment(dossier.at)}"
    return "\n".join(
        f"<p>{when}, for the messaging profile {_named(state.profile)}: "
        + " ".join(map(shown, opt_out_words(state, dossier, numbers)))
        + "</p>"
        for state in dossier.opt_out_states
    )


def _violations(dossier: Dossier) -> str:
    if not dossier.sent_after_opt_out:
        return "<p>None is known.</p>"
    items = [f"<li>Message {shown(key)}: {violation(row)}</li>" for key, row in dossier.sent_after_opt_out.items()]
    return f"<p>{len(items)}; they are marked in the table.</p>\n<ul>\n" + "\n".join(items) + "\n</ul>"


def _row(line: Line, dossier: Dossier) -> str:
    row, name = line.original.row, f"{line.number:04d}"
    proof = dossier.proofs.get(line.original.key)
    notes = "".join(f'<p class="note">{shown(note)}</p>' for note in line.notes)
    times = [f'<td class="time">{moment(row[name])}</td>' for name in ("occurred_at", "received_at", "recorded_at")]
    return (
        f'<tr class="{line.kind}"><td><a href="originals/{name}.json">{name}</a></td>{times[0]}'
        f'<td><span class="words">{shown(line.words)}</span>{notes}</td>{times[1]}{times[2]}'
        f"<td>{proof.seq if proof else 'none yet'}</td></tr>"
    )


def _sealed(dossier: Dossier) -> str:
    bare = len(dossier.originals) - len(dossier.proofs)
    words = f"No seal covers {bare} of the {len(dossier.originals)} notices here yet." if bare else ""
    broken = ", ".join(map(str, dossier.broken_seals))
    return words + (f" <b>These seals no longer match the notices they cover: {broken}.</b>" if broken else "")


def _left_out(dossier: Dossier) -> Iterable[str]:
    """Yield the notices that the folder does not hold, by kind."""
    if dossier.later:
        yield f"{dossier.later} notices about this number that occurred after {moment(dossier.at or dossier.made_at)}."
    if dossier.in_other_profiles:
        count = dossier.in_other_profiles
        yield f"{count} notices about this number that belong to other messaging profiles, or to none."
    if dossier.missing:
        yield f"{dossier.missing} notices about this number that we stored and no longer have."
    if dossier.dead_letters:
        count = dossier.dead_letters
        yield f"{count} notices (about any number) that our tables could not process: this page may miss them."
    yield "Notices that do not name the number, or name only a part of it."
    yield "Notices that Telnyx never sent or that never reached us, and conversations by other means."
    yield "Notices that we set aside, because they came long after they were signed or could not be read."


def _cells(*values: str) -> str:
    return "<tr>" + "".join(f"<td>{shown(value)}</td>" for value in values) + "</tr>"
