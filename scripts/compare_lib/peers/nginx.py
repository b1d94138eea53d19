"""nginx with its stream module, of Debian."""

import os
import re
from pathlib import Path

from .base import LISTEN, NO_TUNNELS, NotHere, Peer, Way, page, said, version_in
from ..loads import STATS

STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
# 512 connections a worker are too few for the loads. User root: a user namespace may have no other.
HEAD = """{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 18000; }}
"""
TCP = f"load_module {STREAM};\n" + HEAD + """stream {{
  server {{ listen {listen}; proxy_pass 127.0.0.1:{target}; }}
}}
"""
# No access log: none of the others writes one. Its 1,000 requests a connection would make connections new within a
# load. The upstream keeps as many idle connections as there are clients.
HTTP = HEAD + """http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  upstream server {{ server 127.0.0.1:{target}; keepalive 512; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{stats}; location / {{ stub_status; }} }}
  server {{ listen {listen}{protocol}; location / {{ {passes} }} }}
}}
"""
# HTTP/1.0 and `Connection: close` to the server are its defaults: they keep nothing.
PROXY_PASS = 'proxy_pass http://server; proxy_http_version 1.1; proxy_set_header Connection "";'
# The only way to HTTP/2 on both sides.
GRPC_PASS = "grpc_pass grpc://server;"
NO_DETECTION = "a port is HTTP/1, HTTP/2 or TCP by its configuration"


class Nginx(Peer):
    """Its stream module is a package of its own."""

    name = "nginx"
    package = "nginx-light libnginx-mod-stream"

    def __init__(self):
        self.asked = {}
        stream = Way("stream", self.config(TCP))
        http = Way("http", self.config(HTTP, protocol="", passes=PROXY_PASS), counts_http=True, reuses=True)
        http2 = Way("http/2, grpc_pass", self.config(HTTP, protocol=" http2", passes=GRPC_PASS), counts_http=True)
        self.ways = {
            "tcp": [stream], "bulk": [stream], "http": [http], "reuse": [http], "http2": [http2], "detect": NO_DETECTION,
            "detect-reuse": NO_DETECTION, "detect-http2": NO_DETECTION, "connect": NO_TUNNELS,
            "any": [http],
        }

    def config(self, text, **values):
        def configure(place):
            user = "user root root; " if os.getuid() == 0 else ""
            full = text.format(folder=place.folder, listen=LISTEN, target=place.target, stats=STATS, user=user, **values)
            config = place.write("nginx.conf", full)
            return [self.program, "-p", place.folder, "-c", config, "-e", place.folder / "nginx-start.log"]
        return configure

    def find(self):
        self.program = self.in_path("nginx")
        if not STREAM.exists():
            raise NotHere(f"there is no {STREAM}; as root: apt-get install libnginx-mod-stream")
        return version_in(said(self.program, "-v"))

    def is_helper(self, thread, title):
        return title.startswith("nginx: master process ")

    def counted(self, place):
        # "accepts handled requests", with those that ask here.
        asked = self.asked[place.folder] = self.asked.get(place.folder, 0) + 1
        return int(re.search(r"\n \d+ \d+ (\d+)", page("/")).group(1)) - asked
