"""The embedded mode as a user runs it: one process, rows within seconds, and nothing left behind or lost."""

import json
import re
import signal
from base64 import b64encode

import asyncpg
import pytest
from nacl.signing import SigningKey

from tests.support.environment.programs import Programs, free_port, refusal
from tests.support.environment.waiting import eventually, until
from tests.support.sql.connections import connected, fetchval
from tests.support.sql.seals import seals_what_has_waited

DATABASE = r"^Database URL: (postgresql://\S+)$"
WEBHOOKS = r"^Webhook URL:  (http://\S+)$"


async def test_dev_shows_rows_and_leaves_nothing_running(programs: Programs) -> None:
    dev = programs.start("dev", "--simulate", LEDGER_PORT="0")
    url = (await dev.prints(DATABASE))[1]

    await eventually(lambda: fetchval(url, "select count(*) from telnyx.message_deliveries"), lambda rows: rows > 3)
    async with connected(url) as connection:
        await seals_what_has_waited(connection)
    assert re.search(r"received \d+ \(\d+ duplicates\)  stored \d+  projected \d+", dev.output)
    shown = programs.run("sql", "select account, count(*) > 0 as some from events group by 1", "--json")
    assert json.loads(shown.stdout) == [{"account": "development", "some": True}], shown.stderr

    assert dev.ends(signal.SIGINT) == 0
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncpg.connect(url)
    assert '"level":"error"' not in dev.output
    assert "Traceback" not in dev.output


async def test_a_killed_dev_loses_no_acknowledged_event(programs: Programs) -> None:
    port = str(free_port())
    dev = programs.start("dev", LEDGER_PORT=port)
    url = (await dev.prints(WEBHOOKS))[1]
    sent = programs.directory / "sent.jsonl"
    simulate = programs.start("simulate", "--url", url, "--rate", "150", "--count", "600", "--out", str(sent))
    await until(sent.exists, bool)
    await until(lambda: sent.read_text().count('"status": 200'), lambda acknowledged: acknowledged > 150)
    assert dev.ends(signal.SIGKILL) == -signal.SIGKILL
    assert simulate.ends() == 1
    keys = {
        answer["event_key"]
        for line in sent.read_text().splitlines()
        if (answer := json.loads(line)["answer"]) and "event_key" in answer
    }

    again = programs.start("dev", LEDGER_PORT=port)
    database = (await again.prints(DATABASE))[1]

    missing = "select count(*) from unnest($1::uuid[]) as key where key not in (select event_key from telnyx.events)"
    await eventually(lambda: fetchval(database, missing, list(keys)), lambda found: found == 0)
    assert len(keys) > 100
    assert again.ends(signal.SIGTERM) == 0


async def test_a_second_dev_names_what_is_in_use(programs: Programs) -> None:
    port = str(free_port())
    first = programs.start("dev", LEDGER_PORT=port)
    await first.prints(WEBHOOKS)
    same_port, same_data = programs.run("dev", LEDGER_PORT=port), programs.run("dev", LEDGER_PORT="0")
    assert refusal(same_port).startswith(f"LEDGER_PORT: port {port} on 127.0.0.1 is in use")
    assert re.match("LEDGER_DATA_DIR: .* in use", refusal(same_data))
    assert first.ends(signal.SIGTERM) == 0


async def test_dev_migrates_and_uses_a_configured_database(programs: Programs, empty_database_url: str) -> None:
    key = b64encode(bytes(SigningKey.generate().verify_key)).decode()
    dev = programs.start("dev", LEDGER_PORT="0", DATABASE_URL=empty_database_url, TELNYX_PUBLIC_KEYS=f"acme:{key}")
    url = (await dev.prints(WEBHOOKS))[1]
    assert await fetchval(empty_database_url, "select count(*) from telnyx.error_codes") > 60
    assert not (programs.directory / "data").exists()
    assert empty_database_url not in dev.output, "a password of the user's stays out of terminals"
    # Only --simulate, or having no key at all, adds the development key.
    refused = programs.run("simulate", "--url", url, "--count", "1", "--json")
    assert json.loads(refused.stdout)["answers"] == {"403 no_matching_key": 1}
    assert refused.returncode == 1
    assert dev.ends(signal.SIGTERM) == 0


async def test_chaos_is_answered_by_the_contract_and_stored_once(programs: Programs) -> None:
    dev = programs.start("dev", LEDGER_PORT="0")
    url = (await dev.prints(WEBHOOKS))[1]
    database = (await dev.prints(DATABASE))[1]
    chaos = ("simulate", "--url", url, "--seed", "11", "--count", "300", "--rate", "0", "--chaos", "--json")
    first, second = programs.run(*chaos), programs.run(*chaos)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    answers = json.loads(second.stdout)["answers"]
    assert "200 accepted" not in answers
    assert answers["200 duplicate"] > 200

    accepted = json.loads(first.stdout)["answers"]["200 accepted"]
    await eventually(lambda: fetchval(database, "select count(*) from telnyx.events"), lambda found: found == accepted)
    assert await fetchval(database, "select count(*) from telnyx.quarantined_webhooks") > 5
    assert dev.ends(signal.SIGTERM) == 0
