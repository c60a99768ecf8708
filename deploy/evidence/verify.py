"""Checks this folder without the program that made it: python -I verify.py

Needs Python 3.9 or newer and PyNaCl (pip install pynacl), no network and no database. Prints the result with exit
status 0, or every problem with exit status 1. Writes nothing.
"""

import base64
import hashlib
import json
import sys
import uuid
from pathlib import Path
from typing import Any, Dict, Iterator, List  # noqa: UP035 -- for Pythons older than the program supports

FOLDER = Path(__file__).resolve().parent
MANIFEST = FOLDER / "manifest.sha256"
Json = Dict[str, Any]  # noqa: UP006

# A damaged copy of this script might skip a later check of itself. So it checks itself here, and with the other files.
_OWN_LINE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest() + "  verify.py"
if _OWN_LINE not in MANIFEST.read_text("utf-8").split("\n"):
    sys.exit("verify.py is not the script that manifest.sha256 lists: do not rely on it")


def main() -> None:
    """Run every check. Prints the problems, if there are any, and exits with 1."""
    try:
        import nacl.signing  # noqa: F401, PLC0415
    except ImportError:
        sys.exit("PyNaCl is missing: pip install pynacl")
    sys.setrecursionlimit(10_000)  # a signed body may be nested deeply
    problems = list(_files())
    if not problems:
        evidence = json.loads((FOLDER / "evidence.json").read_bytes())
        keys = {key["key_id"]: key for key in evidence["keys"]}
        problems = [*_layout(evidence), *_keys(evidence["keys"]), *_chain(evidence)]
        seals = {seal["seq"]: seal for seal in evidence["seals"]}
        for event in evidence["events"]:
            problems += [f"{event['file']}: {problem}" for problem in _event(event, keys, seals)]
    if problems:
        print("\n".join(problems))
        sys.exit(f"{len(problems)} checks failed: do not rely on this folder")
    _report(evidence)


def _files() -> Iterator[str]:
    """The manifest has a single form: byte for byte the one that follows from the files."""
    files, lines = {}, MANIFEST.read_bytes().decode("utf-8", "replace").split("\n")
    for path in sorted(FOLDER.rglob("*")):
        name = path.relative_to(FOLDER).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            yield f"{name}: neither a file nor a directory"
        elif path.is_file() and path != MANIFEST:
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.is_dir() and not any(path.iterdir()):
            yield f"{name}: an empty directory, not listed in manifest.sha256"
    listed = {line[66:]: line[:64] for line in lines[:-1]}
    yield from (f"{name}: listed in manifest.sha256, and missing" for name in sorted(set(listed) - set(files)))
    yield from (f"{name}: not listed in manifest.sha256" for name in sorted(set(files) - set(listed)))
    yield from (f"{name}: changed" for name in sorted(set(files) & set(listed)) if files[name] != listed[name])
    if lines != [f"{files[name]}  {name}" for name in sorted(files)] + [""]:
        yield "manifest.sha256: changed"


def _layout(evidence: Json) -> Iterator[str]:
    """evidence.json lists every original and every key once."""
    for folder, named in (
        ("originals", [event["file"] for event in evidence["events"]]),
        ("keys", [f"keys/{key['key_id']}.txt" for key in evidence["keys"]]),
    ):
        there = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob(folder + "/*"))
        if there != sorted(named):
            yield f"evidence.json: does not list exactly the files in {folder}/"
    if len({event["event_key"] for event in evidence["events"]}) != len(evidence["events"]):
        yield "evidence.json: an event is listed twice"


def _keys(keys: List[Json]) -> Iterator[str]:  # noqa: UP006
    """The name of a key follows from its bytes: the first 16 hex digits of their SHA-256."""
    for key in keys:
        if hashlib.sha256(_public_key(key["key_id"])).hexdigest()[:16] != key["key_id"]:
            yield f"keys/{key['key_id']}.txt: not the key of that name"


def _public_key(key_id: str) -> bytes:
    return base64.b64decode((FOLDER / "keys" / (key_id + ".txt")).read_bytes(), validate=False)


def _event(event: Json, keys: Dict[str, Json], seals: Dict[int, Json]) -> Iterator[str]:  # noqa: UP006
    """Signature, identity and seal of one original."""
    body = (FOLDER / event["file"]).read_bytes()
    key = keys.get(event["key_id"])
    if key is None:
        yield "signed by a key that is not in keys/"
    elif not _is_signed(event, body):
        yield "the signature does not match this text and time"
    elif not (key["not_before"] or 0) <= int(event["signed_timestamp"]) <= (key["not_after"] or 10**11):
        yield "signed at a time when its key was not valid"
    if uuid.UUID(event["event_key"]).bytes != event_key(body):
        yield "the event_key does not follow from this text"
    seal = seals.get(event["seal"]["seq"]) if event["seal"] else None
    if event["seal"] and not (seal and _is_sealed(event, body, seal)):
        yield "not what was sealed"


def _is_signed(event: Json, body: bytes) -> bool:
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415
    from nacl.signing import VerifyKey  # noqa: PLC0415

    signed = event["signed_timestamp"].encode() + b"|" + body
    try:
        VerifyKey(_public_key(event["key_id"])).verify(signed, base64.b64decode(event["signature"]))
    except (BadSignatureError, ValueError):
        return False
    return True


def event_key(body: bytes) -> bytes:
    """BLAKE2b-128 of the canonical form of `data`: the identity of an event, equal for all its deliveries."""
    data = json.loads(body.decode(), parse_int=_integer)["data"]
    return hashlib.blake2b(canonical(data).encode(), digest_size=16).digest()


def _integer(digits: str) -> object:
    return int(digits) if len(digits) <= 20 and -(2**63) <= int(digits) < 2**64 else float(digits)


def canonical(value: object) -> str:
    """JSON with sorted names and no white space; numbers in their shortest form, fractions from 0.00001 on in full."""
    if isinstance(value, dict):
        return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if not isinstance(value, float):
        return json.dumps(value, ensure_ascii=False)
    digits, _, exponent = repr(value).partition("e")
    if exponent == "-05":
        return ("-" if value < 0 else "") + "0.0000" + digits.lstrip("-").replace(".", "")
    return f"{digits}e{exponent[0]}{exponent[1:].lstrip('0')}" if exponent else digits


def _is_sealed(event: Json, body: bytes, seal: Json) -> bool:
    """RFC 9162, section 2.1.3.2: the path leads from this event to the root that was sealed."""
    proof, rest = event["seal"], [bytes.fromhex(step) for step in event["seal"]["path"]]
    leaf = event["position"].to_bytes(8, "big") + uuid.UUID(event["event_key"]).bytes + hashlib.sha256(body).digest()
    root, index, last = hashlib.sha256(b"\0" + leaf).digest(), proof["index"], seal["events"] - 1
    if not (0 <= index <= last and seal["first_position"] <= event["position"] <= seal["last_position"]):
        return False
    while last:
        if index % 2 or index < last:
            if not rest:
                return False
            step = rest.pop(0)
            root = hashlib.sha256(b"\1" + (step + root if index % 2 else root + step)).digest()
        index, last = index // 2, last // 2
    return not rest and root.hex() == seal["root"]


def _chain(evidence: Json) -> Iterator[str]:
    """Each seal is bound to the one before, up to the newest, whose chain value may have been kept elsewhere."""
    chain, before = evidence["chain_before"], None
    for seal in evidence["seals"]:
        link = bytes.fromhex(chain + seal["root"]) + seal["last_position"].to_bytes(8, "big")
        chain = hashlib.sha256(link).hexdigest()
        follows = before is None or (seal["seq"], seal["first_position"]) == (
            before["seq"] + 1,
            before["last_position"] + 1,
        )
        if seal["chain"] != chain or not follows or (seal["seq"] == 1) > (evidence["chain_before"] == "00" * 32):
            yield f"seal {seal['seq']}: does not follow from the seal before"
        chain, before = seal["chain"], seal


def _report(evidence: Json) -> None:
    events = evidence["events"]
    sealed = sum(event["seal"] is not None for event in events)
    print(f"every file is as listed; nothing is missing, nothing was added ({len(events)} originals)")
    print(f"every original was signed with the key it names, at the time it names ({len(evidence['keys'])} keys)")
    print("every event_key follows from its original")
    print(f"{sealed} of {len(events)} originals are covered by matching seals; {len(events) - sealed} by none yet")
    print("Not checked, because the folder cannot show it: that the keys are Telnyx's (ask Telnyx, or see its portal);")
    print("the times received_at and recorded_at, which are the maker's own clocks; the prose of index.html.")
    if evidence["seals"]:
        print(f"newest seal, {evidence['seals'][-1]['seq']}: chain {evidence['seals'][-1]['chain']}")
    print(f"manifest.sha256 has the SHA-256 {hashlib.sha256(MANIFEST.read_bytes()).hexdigest()}")
    print("Compare it with the one in the covering letter. If they are equal, this is the folder that was sent.")


if __name__ == "__main__":
    main()
