"""Every projection, in the order in which its tables are written: one fixed order is what keeps projectors apart."""

from projections.deliveries import DELIVERIES
from projections.inbound import INBOUND
from projections.opt_outs import OPT_OUTS

PROJECTIONS = (DELIVERIES, INBOUND, OPT_OUTS)
