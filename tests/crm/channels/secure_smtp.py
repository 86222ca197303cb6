"""An SMTP server for tests that speaks TLS and asks for a password, with its own certificates."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.loops import ThreadLoop

USER, PASSWORD = "shop@example", "pass:wörd/?"


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate and its key, each in a file."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a server that shows this certificate needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def self_signed(folder: Path, *, host: str = "127.0.0.1", days: int = 30) -> Certificate:
    """Make a certificate for a host; with negative days it has run out."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    is_address = host.replace(".", "").isdigit()
    shown = x509.IPAddress(ip_address(host)) if is_address else x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([shown]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificate(certificate, private)


@dataclass
class SecureSmtp:
    """Listens on a free port, with TLS from the first byte (`smtps`) or on demand (`smtp+tls`)."""

    certificate: Certificate
    scheme: str
    excluded: tuple[str, ...] = ()
    mails: list[bytes] = field(default_factory=list)
    sign_ins: list[tuple[str, str, str]] = field(default_factory=list)
    is_locked: list[bool] = field(default_factory=list)

    def __enter__(self) -> "SecureSmtp":
        self._loop = ThreadLoop().__enter__()
        context = None if self.scheme == "smtp+tls" else self.certificate.context()
        self.port = self._loop.listen(self._protocol, ssl=context)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.__exit__(*error)

    def url(self, credentials: str = "") -> str:
        """The address of this server for an account, one connection."""
        signed = f"{credentials}@" if credentials else ""
        options = "?connections=1&timeout=5&hello=test"
        return f"{self.scheme}://{signed}127.0.0.1:{self.port}{options}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a mail, and whether it came under TLS."""
        self.is_locked.append(server.transport.get_extra_info("ssl_object") is not None)
        self.mails.append(envelope.content)
        return "250 kept"

    def _knows(self, server: Any, session: Any, envelope: Any, way: str, told: Any) -> AuthResult:
        user, password = told.login.decode(), told.password.decode()
        self.sign_ins.append((way, user, password))
        return AuthResult(success=(user, password) == (USER, PASSWORD), handled=False)

    def _protocol(self) -> SMTP:
        on_demand = self.scheme == "smtp+tls"
        return SMTP(
            self,
            hostname="test",
            tls_context=self.certificate.context() if on_demand else None,
            require_starttls=on_demand,
            authenticator=self._knows,
            auth_require_tls=on_demand,
            auth_exclude_mechanism=self.excluded,
            loop=self._loop,
        )
