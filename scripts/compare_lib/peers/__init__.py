"""The proxies that are compared, each with its configurations."""

from .base import NotHere
from .direct import Direct
from .envoy import Envoy
from .haproxy import Haproxy
from .linkerd import Linkerd
from .nginx import Nginx
from .sozu import Sozu
from .sslh import Sslh
from .wayside import Wayside

__all__ = ["DEFAULT", "PEERS", "Direct", "NotHere", "Wayside"]

PEERS = {peer.name: peer for peer in (Haproxy(), Nginx(), Sslh(), Envoy(), Sozu(), Linkerd())}
# sozu is built from source, linkerd2-proxy has no package: only where they are asked for.
DEFAULT = ["haproxy", "nginx", "sslh", "envoy"]
