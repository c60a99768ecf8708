"""Every projection, in the order in which tables are written: with one fixed order, projectors do not deadlock."""

from collections.abc import Sequence

from projections.engine.projection import Projection
from projections.tables.deliveries import DELIVERIES
from projections.tables.hosted_numbers import HOSTED_NUMBER_PROJECTION
from projections.tables.inbound import INBOUND
from projections.tables.link_clicks import CLICKS
from projections.tables.opt_outs import OPT_OUTS
from projections.tables.persons import PERSONS
from projections.tables.spend_limits import SPEND_LIMITS
from projections.tables.ten_dlc.facts import TEN_DLC
from projections.tables.toll_free import TOLL_FREE
from schemas.errors import Misconfigured

PROJECTIONS: tuple[Projection, ...] = (
    DELIVERIES,
    INBOUND,
    OPT_OUTS,
    TEN_DLC,
    SPEND_LIMITS,
    HOSTED_NUMBER_PROJECTION,
    TOLL_FREE,
    CLICKS,
    PERSONS,
)


def projections_named(names: Sequence[str]) -> list[Projection]:
    """The projections of these names, in writing order. Raises Misconfigured for an unknown name."""
    known = [projection.name for projection in PROJECTIONS]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise Misconfigured([f"{name}: no projection of this name; there are {', '.join(known)}" for name in unknown])
    return [projection for projection in PROJECTIONS if projection.name in names]
