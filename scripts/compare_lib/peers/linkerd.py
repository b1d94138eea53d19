"""linkerd2-proxy: only where LINKERD2_PROXY is its path; it is in no registry."""

import os

from .base import NotHere, Peer


class Linkerd(Peer):
    """The data plane of Linkerd."""

    name = "linkerd"
    left_out = "it is in no registry (LINKERD2_PROXY names one), and not run without its control plane"

    def find(self):
        program = os.environ.get("LINKERD2_PROXY")
        if not program:
            raise NotHere("LINKERD2_PROXY is not the path of a linkerd2-proxy")
        raise NotHere("not without its control plane")
