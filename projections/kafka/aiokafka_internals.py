"""The private name of aiokafka on which leaving the group relies. Only this module uses it.

An upgrade that removes it fails at import, with the name and the version that was tried.
"""

from aiokafka import AIOKafkaConsumer

from schemas.library_internals import lacking, untried, used_in

TRIED = "0.14.0"

if missing := lacking("AIOKafkaConsumer", used_in(AIOKafkaConsumer, "__init__"), "_client"):
    raise untried("aiokafka", TRIED, missing)


async def close_client(consumer: AIOKafkaConsumer) -> None:
    """The end of `consumer.stop()`. Where stop() failed, the client's background task runs on without it."""
    await consumer._client.close()
