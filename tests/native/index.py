"""A package index on loopback: real TLS by an authority of its own, a password, and a proxy before it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import io
import socket
import ssl
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOST = "index.example"
"""No resolver knows it: only the proxy leads there."""


def wheel(name: str, version: str, files: Mapping[str, str]) -> bytes:
    """A wheel of pure Python, always the same bytes."""
    info = f"{name}-{version}.dist-info"
    every = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*every, f"{info}/RECORD"))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, text in {**every, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return stream.getvalue()


def locked(name: str, version: str, content: bytes) -> str:
    """The line of a lock."""
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"


def authority(folder: Path) -> tuple[Path, Path]:
    """Files: the authority's certificate, and a chain with its key for the index."""
    now = dt.datetime.now(dt.UTC)

    def certificate(subject, issuer, key, signer, **extensions):
        name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])  # noqa: E731  (a short word, used twice)
        builder = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(hours=2))
        for extension in extensions.values():
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = x509.KeyUsage(*(place in {0, 5, 6} for place in range(9)))
    top = certificate("own", "own", root, root, basic=x509.BasicConstraints(ca=True, path_length=0), usage=usage)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName("localhost")])
    served = certificate(HOST, "own", leaf, root, names=names, basic=x509.BasicConstraints(ca=False, path_length=None))
    key = leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "own-ca.pem").write_bytes(top)
    (folder / "index.pem").write_bytes(served + key)
    return folder / "own-ca.pem", folder / "index.pem"


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], chain: Path | None = None) -> Iterator[int]:
    """The port on which it answers, in a thread of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a client that does not trust the certificate hangs up
    if chain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def index(wheels: Mapping[str, bytes], user: str = "") -> type[BaseHTTPRequestHandler]:
    """`/simple/<name>/` and the files; with `user` (name:password) for nobody else."""

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Authorization", "")
            if user and asked != "Basic " + base64.b64encode(user.encode()).decode():
                self.answer(401, b"who is there?")
            elif self.path.startswith("/files/"):
                content = wheels.get(self.path.removeprefix("/files/"))
                self.answer(200 if content else 404, content or b"")
            else:
                project = self.path.strip("/").rpartition("/")[2].replace("-", "_")
                links = [f'<a href="/files/{name}">{name}</a>' for name in wheels if name.startswith(project + "-")]
                self.answer(200 if links else 404, f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode())

        def do_HEAD(self) -> None:
            self.do_GET()

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "text/html")
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *args) -> None:
            pass

    return Index


def proxy(target: int, seen: list[str]) -> type[BaseHTTPRequestHandler]:
    """Every tunnel that is asked for leads to one port of this machine; `seen` holds what was asked for."""

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            seen.append(self.path)
            self.close_connection = True
            with socket.create_connection(("127.0.0.1", target)) as other:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pump, args=(other, self.connection))
                back.start()
                _pump(self.connection, other)
                back.join()

        def log_message(self, *args) -> None:
            pass

    return Proxy


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while content := source.recv(65536):
            sink.sendall(content)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
