"""The supervisors that `tools/bench supervise` compares."""

from .nines import Nines
from .peer import Missing, Peer
from .runit import Runit
from .s6 import S6, S6Ready
from .supervisord import Supervisord
from .systemd import Systemd

#: In the order in which they are printed.
PEERS = {driver.name: driver for driver in (Runit, S6, S6Ready, Supervisord, Systemd)}

__all__ = ["Missing", "Nines", "PEERS", "Peer"]
