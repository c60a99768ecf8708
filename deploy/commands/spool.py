"""`spool`: the queue of an `ingest` that does not run."""

from deploy.commands import command_app
from ingest.durable.spool import retry_refused
from ingest.settings import SpoolSettings
from schemas.settings import load

app = command_app("The durable queue on local disk.")


@app.callback()
def spool() -> None:
    """Make `spool` a group while it has one command."""


@app.command("retry")
def retry() -> None:
    """Queue the entries again that Kafka refused.

    A running `ingest` holds its spool. It does the same when it starts, when it connects to Kafka, and on SIGUSR1.
    """
    moved = retry_refused(load(SpoolSettings).ledger_spool_dir)
    print(
        f"{moved} entr{'y was' if moved == 1 else 'ies were'} queued again; `ingest` offers them to Kafka when it runs"
    )
