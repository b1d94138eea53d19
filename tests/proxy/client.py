"""Asks for URLs through a proxy, in one of Python's ways: tunnel, urllib or requests. Prints each body's length.

Arguments: the way, then URLs. The proxy is that of the environment (http_proxy, https_proxy).
"""

import http.client
import os
import ssl
import sys
from urllib.parse import urlsplit

way, urls = sys.argv[1], sys.argv[2:]
proxy = urlsplit(os.environ["http_proxy"])
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def tunnel(url):
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    extra = {"context": context} if parts.scheme == "https" else {}
    connection = kind(proxy.hostname, proxy.port, timeout=20, **extra)
    connection.set_tunnel(parts.hostname, parts.port)
    body = b""
    # Twice over one tunnel.
    for _ in range(2):
        connection.request("GET", parts.path)
        body = connection.getresponse().read()
    connection.close()
    return body


def urllib_way(url):
    import urllib.request

    with urllib.request.urlopen(url, timeout=20, context=context) as answer:
        return answer.read()


if way == "tunnel":
    ask = tunnel
elif way == "urllib":
    ask = urllib_way
else:
    import requests
    import urllib3

    urllib3.disable_warnings()
    session = requests.Session()

    def ask(url):
        answer = session.get(url, verify=False, timeout=20)
        answer.raise_for_status()
        return answer.content


for url in urls:
    print(len(ask(url)))
