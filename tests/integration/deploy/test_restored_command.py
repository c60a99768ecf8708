"""`restored` says where the copy ends and where events go on, and keeps the reason."""

import re

from tests.support.environment.programs import Programs


def test_the_new_positions_are_printed(programs: Programs, database_url: str) -> None:
    done = programs.run("restored", "--reason", "a test", DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"the copy ends at position 0; events go on at 1000000001\n", done.stdout)
    kept = programs.run("sql", "select reason, last_seal from store_epochs", DATABASE_URL=database_url)
    assert "a test" in kept.stdout
