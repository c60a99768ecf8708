"""Each support query answers its question, on webhooks that went through the real projector."""

import os
import re
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import schemas
from deploy.embedded.postgres import _binaries
from deploy.support_queries import bound, question_of, support_queries, support_query
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from schemas.errors import Misconfigured
from tests.support.projections.signed_records import RING, bodies
from tests.support.webhooks.builders import PROFILE
from tests.support.webhooks.failing_account import (
    ANN,
    BEN,
    CAT,
    DAY,
    HOUR,
    LIMIT_REACHED,
    LONG_CODE,
    NOW,
    TOLL_FREE,
    troubles,
)

FILES = Path(schemas.__file__).parent / "queries"
SINCE = (NOW - 40 * DAY).date().isoformat()


@pytest.fixture
async def seeded(database_url: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    """A connection with the rights of telnyx_reader to a database with these webhooks."""
    projector = Projector(database_url, keys=RING, verify=True, owner="one", projections=PROJECTIONS)
    await projector.apply(bodies(*troubles()))
    await projector.close()
    assert await connection.fetchval("select count(*) from telnyx.dead_letters") == 0
    await connection.execute("set role telnyx_reader")
    return connection


Answers = list[tuple[Any, ...]]
PENDING = "it was sent, and no final status has arrived for over a day"
ASKED: list[tuple[str, dict[str, str], str, Answers]] = [
    ("why_not_delivered", {"message": "ok"}, "recipient, answer", [(ANN, "it was delivered")]),
    (
        "why_not_delivered", {"message": "spam"},
        "status, answer, error_codes, categories, advice[2], sender_campaign_status",
        [
            (
                "delivery_failed", "Blocked as spam (temporary); Not routable", ["40002", "40001"],
                ["retriable_after_intervention", "permanent"], "Verify the recipient can receive SMS/MMS",
                "MNO_PROVISIONED",
            ),
        ],
    ),
    ("why_not_delivered", {"message": "two"}, "recipient, answer", [(ANN, "it was delivered"), (BEN, "Undeliverable")]),
    (
        "why_not_delivered", {"message": "silent"}, "answer",
        [("it was sent, and the carrier never said whether it arrived",)],
    ),
    ("why_not_delivered", {"message": "stuck"}, "answer", [(PENDING,)]),
    ("why_not_delivered", {"message": "queued"}, "answer", [("it waits at Telnyx and has not been sent yet",)]),
    ("why_not_delivered", {"message": "now"}, "answer", [("it is under way",)]),
    ("why_not_delivered", {"message": "odd"}, "answer", [("error 49999",)]),
    (
        "why_not_delivered", {"message": "limit"}, "answer, spend_limit_reached_at is not null",
        [("Spend limit reached", True)],
    ),
    (
        "why_not_delivered", {"message": "refused"}, "answer, opted_out_at, toll_free_blocked_at",
        [("the recipient had opted out: Telnyx refused it", NOW - 5 * DAY, NOW - 5 * DAY)],
    ),
    ("why_not_delivered", {"message": "none-the-less"}, "answer, opted_out_at", [("it was delivered", NOW - 5 * DAY)]),
    (
        "why_not_delivered", {"message": "'; drop table"}, "recipient, answer",
        [(None, "no webhook of this message has arrived: check the id, and that the send was accepted")],
    ),
    (
        "why_campaign_stuck", {"campaign": "camp-bad"},
        "status, reason, answer, brand_reason, numbers_assigned, last_heard",
        [
            (
                "TELNYX_FAILED", "No opt-in",
                "Telnyx refused it: correct what the reason says, then appeal (a partner's campaign: CAMPAIGN_NUDGE)",
                "Invalid EIN", 1, "TELNYX_REVIEW REJECTED No opt-in",
            ),
        ],
    ),
    (
        "why_campaign_stuck", {"campaign": "CGOOD01"},
        "campaign_id, answer, brand, numbers_assigned, numbers_failed, right(array_to_string(steps, '|'), 15)",
        [("camp-good", "it may send", "Acme", 2, 1, "MNO_PROVISIONED")],
    ),
    (
        "why_campaign_stuck", {"campaign": "camp-wait"}, "status, answer, waiting_for >= '19 days'",
        [("MNO_PENDING", "its brand is not verified: correct the brand first", True)],
    ),
    (
        "why_campaign_stuck", {"campaign": "unknown"}, "answer",
        [("no webhook of this campaign has arrived: check the id and the campaign's webhook URL",)],
    ),
    (
        "number_ready", {"number": LONG_CODE},
        "ready, answer, tcr_campaign_id, brand_identity, is_t_mobile_registered, not_registered_last_24_hours",
        [(True, "yes", "CGOOD01", "VERIFIED", True, 1)],
    ),
    (
        "number_ready", {"number": "+13125550191"}, "ready, answer",
        [(True, "yes, but carriers take up to 72 hours to process a new assignment")],
    ),
    (
        "number_ready", {"number": "+13125550192"}, "ready, answer, reasons",
        [(False, "no: its assignment failed", '["Not on this profile"]')],
    ),
    (
        "number_ready", {"number": "+13125550193"}, "answer",
        [("no: its assignment is pending; carriers may take up to seven working days",)],
    ),
    (
        "number_ready", {"number": "+13125550194"}, "ready, answer",
        [(False, "no: its campaign has status TELNYX_FAILED, not MNO_PROVISIONED")],
    ),
    ("number_ready", {"number": "+13125550195"}, "answer", [("no: it was removed from its campaign",)]),
    ("number_ready", {"number": "+13125550196"}, "answer", [("no: it was never assigned to a campaign",)]),
    ("number_ready", {"number": TOLL_FREE}, "ready, answer like 'toll-free:%'", [(False, True)]),
    ("number_ready", {"number": "12345"}, "ready, answer like 'not an ordinary%'", [(False, True)]),
    (
        "who_opted_out", {"account": "default", "since": SINCE}, "phone_number, opted_out_at, how, telnyx_blocked",
        [
            (
                "+12125550109", NOW - 4 * DAY + timedelta(seconds=2),
                "a send from +18445550001 was refused (40300): the opt-out itself is not recorded here", True,
            ),
            (BEN, NOW - 5 * DAY + HOUR, f"wrote STOP TEXTING to {TOLL_FREE}, which only we recognised", False),
            (ANN, NOW - 5 * DAY, f"wrote STOP to {TOLL_FREE}, which Telnyx answered", True),
        ],
    ),
    ("who_opted_out", {"account": "other", "since": SINCE}, "*", []),
    (
        "what_this_person_said", {"phone": ANN}, "what, state",
        [
            ("opt_out by autoresponse", "opted out"), ("sent: the allowed confirmation", "opted out"),
            ("sent although opted out", "opted out"), ("send refused (40300)", "opted out"),
        ],
    ),
    (
        "what_this_person_said", {"phone": CAT}, "what, keyword, state",
        [("opt_out by autoresponse", "STOP", "opted out"), ("opt_in by autoresponse", "START", "opted in")],
    ),
    (
        "carrier_charges", {"account": "default", "since": SINCE, "until": (NOW - 6 * DAY).date().isoformat()},
        "carrier, line_type, message_type, currency, deliveries, parts, cost, carrier_fees, carrier_fee_per_part",
        [
            (
                *("T-MOBILE USA, INC.", "Wireless", "SMS", "USD", 3, 3),
                *(Decimal("0.0153"), Decimal("0.00915"), Decimal("0.003050")),
            ),
            ("T-MOBILE USA, INC.", "Wireless", "SMS", None, 5, 5, None, None, None),
        ],
    ),
    (
        "spam_blocks", {"account": "default", "since": SINCE},
        "tcr_campaign_id, campaign_status, sender, messages, blocked, share, blocked_40002, blocked_40017",
        [("CGOOD01", "MNO_PROVISIONED", LONG_CODE, 4, 1, Decimal("0.2500"), 1, 0)],
    ),
    (
        "numbers_not_assigned", {"account": "default"}, "phone_number, status, answer",
        [
            ("+13125550192", "FAILED_ASSIGNMENT", "see the reasons, then assign it again"),
            (LONG_CODE, "FAILED_ASSIGNMENT", "it is assigned to campaign camp-good: remove it from that one first"),
            (
                "+13125550193", "PENDING",
                "its campaign has status TELNYX_FAILED: wait for its approval, then assign it again",
            ),
        ],
    ),
    (
        "why_brand_unverified", {"brand": "brand-bad"}, "answer, last_reason, campaigns",
        [
            (
                "its registration failed: correct what the reason says; trying again is free", "Invalid EIN",
                ["camp-bad TELNYX_FAILED", "camp-wait MNO_PENDING"],
            ),
        ],
    ),
    (
        "why_brand_unverified", {"brand": "BGOOD01"}, "brand_id, answer, campaigns",
        [("brand-good", "it is verified", ["CGOOD01 MNO_PROVISIONED"])],
    ),
    (
        "spend_limits", {"account": "default", "since": SINCE},
        "messaging_profile_id, reached_at, current_cost, refused", [(PROFILE, LIMIT_REACHED, Decimal("10.07"), 1)],
    ),
    (
        "toll_free_open", {"account": "default"}, "verification_id, reason, answer",
        [
            ("tf-2", None, "it has waited longer than the two weeks that the vendor states: ask Telnyx support"),
            ("tf-1", "No opt-in", "correct what the reason names, then submit the same request again (PATCH)"),
        ],
    ),
]  # fmt: skip


async def test_each_query_gives_the_expected_answer(seeded: asyncpg.Connection) -> None:
    for name, given, columns, expected in ASKED:
        statement, values = bound(support_query(name), given)
        found = await seeded.fetch(f"select {columns} from ({statement.rstrip().rstrip(';')}) as answered", *values)
        assert [tuple(row) for row in found] == expected, (name, given)


def test_every_query_has_a_case_and_documents_its_call() -> None:
    assert {name for name, *_ in ASKED} == support_queries().keys() == {path.stem for path in FILES.iterdir()}
    for name, statement in support_queries().items():
        variables = set(re.findall(r":'(\w+)'", statement))
        head = statement.partition("\n\n")[0].splitlines()
        assert question_of(statement).endswith("?")
        [ours] = [line for line in head if line.startswith("-- telnyx-ledger sql")]
        [psql] = [line for line in head if line.startswith("-- psql")]
        assert ours.split()[3:5] == ["--ask", name]
        assert psql.endswith(f" -f schemas/queries/{name}.sql")
        assert set(re.findall(r"--set (\w+)=", ours)) == set(re.findall(r"-v (\w+)=", psql)) == variables
        with pytest.raises(Misconfigured) as missing:
            bound(statement, {})
        assert all("; " in problem for problem in missing.value.problems), "each variable is explained"


def test_psql_runs_the_queries_unchanged(seeded: asyncpg.Connection, database_url: str, tmp_path: Path) -> None:
    psql = _binaries(tmp_path) / "psql"
    for name, given in {name: given for name, given, *_ in reversed(ASKED)}.items():
        values = [f"--set={variable}={value}" for variable, value in given.items()]
        arguments = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--csv", *values, f"--file={FILES / name}.sql"]
        done = subprocess.run(
            [psql, database_url, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ)
        )
        assert (done.returncode, done.stderr) == (0, ""), name
        assert done.stdout.count("\n") >= 2, f"{name} answers nothing"
