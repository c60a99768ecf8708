"""Variables of a statement become parameters; a missing value and an unknown variable are refused."""

import pytest

from deploy.support_queries import bound, support_query
from schemas.errors import Misconfigured


def test_a_value_without_a_variable_is_refused() -> None:
    with pytest.raises(Misconfigured, match="--set nubmer: unknown variable; expected number"):
        bound(support_query("number_ready"), {"number": "1", "nubmer": "2"})


def test_a_variable_becomes_a_parameter_and_a_cast_stays_a_cast() -> None:
    statement, values = bound("select :'b', :'a'::text::date, '::'::text, :'b'", {"a": "1", "b": "2"})
    assert statement == "select $1::text, $2::text::text::date, '::'::text, $1::text"
    assert values == ["2", "1"]
