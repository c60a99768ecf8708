"""Fixtures that every test may ask for; each lives with the thing that it starts."""

pytest_plugins = [
    "tests.support.environment.kafka",
    "tests.support.environment.postgres",
    "tests.support.environment.programs",
]
