"""As much of Kubernetes' HTTP API as the launcher speaks with: TLS, a bearer token, RayJobs."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "the-launchers-token"


class KubernetesApi:
    """A server over TLS on the loopback, with RayJobs that tests put there.

    Attributes:
        jobs: by name, as stored.
        requests: method and path of each.
        failures: status codes that the next requests get instead of an answer; 0 is an answer
            that breaks off.
        ends_as: the status that a RayJob has from its second look on.
        collected_after: RayJobs that are gone after so many looks.
    """

    def __init__(self, folder: Path, jobs: dict[str, dict[str, Any]]) -> None:
        self.account = folder
        self.jobs = jobs
        self.requests: list[str] = []
        self.failures: list[int] = []
        self.collected_after: dict[str, int] = {}
        self.ends_as = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
        certificate, key = _self_signed(folder)
        (folder / "token").write_text(f"{TOKEN}\n")
        (folder / "ca.crt").write_bytes(certificate.read_bytes())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """What the launcher's pod has."""
        host, port = self._server.server_address[:2]
        return {
            "KUBERNETES_SERVICE_HOST": str(host),
            "KUBERNETES_SERVICE_PORT": str(port),
            "NAMESPACE": "anuvad",
            "ACCOUNT": str(self.account),
            "WAIT_S": "0.01",
        }


def _handler(api: KubernetesApi) -> type[BaseHTTPRequestHandler]:
    prefix = "/apis/ray.io/v1/namespaces/anuvad/rayjobs"

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            """Nothing: tests read ``requests``."""

        def do_GET(self) -> None:
            if self._refused():
                return
            if self.path.startswith(f"{prefix}?"):
                self._answer(200, {"items": self._selected()})
                return
            name = self.path.removeprefix(f"{prefix}/")
            if name not in api.jobs:
                self._answer(404, {"message": f'rayjobs.ray.io "{name}" not found'})
                return
            job = api.jobs[name]
            if name in api.collected_after:
                api.collected_after[name] -= 1
                if not api.collected_after[name]:
                    del api.jobs[name], api.collected_after[name]
            self._answer(200, job)
            if not job["spec"].get("suspend"):
                running = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}
                job["status"] = api.ends_as if "status" in job else running

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self._refused():
                return
            name = body["metadata"]["name"]
            if name in api.jobs:
                self._answer(409, {"message": f'rayjobs.ray.io "{name}" already exists'})
                return
            api.jobs[name] = body
            self._answer(201, body)

        def _selected(self) -> list[dict[str, Any]]:
            (selector,) = parse_qs(urlsplit(self.path).query)["labelSelector"]
            label, _, value = selector.partition("=")
            return [j for j in api.jobs.values() if j["metadata"]["labels"].get(label) == value]

        def _refused(self) -> bool:
            api.requests.append(f"{self.command} {self.path.removeprefix(prefix)}")
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self._answer(401, {"message": "Unauthorized"})
                return True
            if api.failures:
                status = api.failures.pop(0)
                document = {"message": "etcd has no leader"}
                self._answer(status or 200, document, missing_bytes=0 if status else 7)
                return True
            return False

        def _answer(self, status: int, document: Any, missing_bytes: int = 0) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + missing_bytes))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    files = folder / "server.crt", folder / "server.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
