"""The import fails by name if an upgrade of aiokafka removes the attribute that leaving the group needs."""

import importlib

import pytest
from aiokafka import AIOKafkaConsumer

from projections.kafka import aiokafka_internals


def test_import_fails_without_the_private_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.delattr(AIOKafkaConsumer, "__init__")
        with pytest.raises(ImportError, match=r"does not have: AIOKafkaConsumer\._client\. Install aiokafka"):
            importlib.reload(aiokafka_internals)
    importlib.reload(aiokafka_internals)
