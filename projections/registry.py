"""Every projection, in the order in which its tables are written: one fixed order is what keeps projectors apart."""

from projections.tables.accounts import ACCOUNT_PROJECTIONS
from projections.tables.deliveries import DELIVERIES
from projections.tables.inbound import INBOUND
from projections.tables.opt_outs import OPT_OUTS
from projections.tables.persons import PERSONS
from projections.tables.ten_dlc.facts import TEN_DLC

PROJECTIONS = (DELIVERIES, INBOUND, OPT_OUTS, TEN_DLC, *ACCOUNT_PROJECTIONS, PERSONS)
