"""Every projection, in the order in which its tables are written: one fixed order is what keeps projectors apart."""

from projections.tables.deliveries import DELIVERIES
from projections.tables.hosted_numbers import HOSTED_NUMBER_PROJECTION
from projections.tables.inbound import INBOUND
from projections.tables.link_clicks import CLICKS
from projections.tables.opt_outs import OPT_OUTS
from projections.tables.persons import PERSONS
from projections.tables.spend_limits import SPEND_LIMITS
from projections.tables.ten_dlc.facts import TEN_DLC
from projections.tables.toll_free import TOLL_FREE

PROJECTIONS = (
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
