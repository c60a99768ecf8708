"""Every projection, in the order in which its tables are written: one fixed order is what keeps projectors apart."""

from projections.accounts import ACCOUNT_PROJECTIONS
from projections.deliveries import DELIVERIES
from projections.inbound import INBOUND
from projections.opt_outs import OPT_OUTS
from projections.persons import PERSONS
from projections.ten_dlc import TEN_DLC

PROJECTIONS = (DELIVERIES, INBOUND, OPT_OUTS, TEN_DLC, *ACCOUNT_PROJECTIONS, PERSONS)
