"""The fixtures of every test; each is defined beside the thing that it starts."""

pytest_plugins = [
    "tests.support.environment.kafka",
    "tests.support.environment.postgres",
    "tests.support.environment.programs",
]
