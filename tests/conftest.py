"""Fixtures that every test may ask for; each lives with the thing that it starts."""

pytest_plugins = ["tests.kafka", "tests.postgres", "tests.programs"]
