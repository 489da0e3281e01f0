"""An authority for tests: signs what a test asks for, as wrong as it asks for it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mqtt.tls import Files

CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
DAY: Final = timedelta(days=1)
YEAR: Final = 365 * DAY


def now() -> datetime:
    return datetime.now(UTC)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)


class Authority:
    """`ends` and `begins` are counted from now; `pem` is what goes into a ca_file."""

    def __init__(
        self, name: str = "authority of a test", *, begins: timedelta = -YEAR, ends: timedelta = 10 * YEAR
    ) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key, begins, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(self._key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins: timedelta, ends: timedelta
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now() + begins,
            not_valid_after=now() + ends,
        )

    def sign(
        self,
        *names: str,
        use: x509.ObjectIdentifier | None = CLIENT,
        begins: timedelta = -DAY,
        ends: timedelta = YEAR,
        hosts: tuple[str, ...] = (),
    ) -> Signed:
        """A certificate made out to these common names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
        builder = self._builder(subject, key, begins, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        if use is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        return Signed(builder.sign(self._key, hashes.SHA256()), key)

    def revoked(self, *those: Signed) -> bytes:
        """The list of them, as PEM."""
        builder = x509.CertificateRevocationListBuilder(self._name, now() - DAY, now() + YEAR)
        for one in those:
            serial = one.certificate.serial_number
            gone = x509.RevokedCertificateBuilder(serial, now() - DAY / 2).build()
            builder = builder.add_revoked_certificate(gone)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def server(self, *hosts: str, ends: timedelta = YEAR, begins: timedelta = -DAY) -> Signed:
        return self.sign("broker", use=SERVER, hosts=hosts or ("127.0.0.1", "localhost"), ends=ends, begins=begins)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def write(directory: Path, authority: Authority, own: Signed | None = None, name: str = "box") -> Files:
    """As a box has them on disk; what is there is replaced as a person would, by another file of that name."""
    ca = _put(directory / "ca.crt", authority.pem)
    if own is None:
        return Files(str(ca))
    certificate, key = _put(directory / f"{name}.crt", own.pem), _put(directory / f"{name}.key", own.key_pem)
    return Files(str(ca), str(certificate), str(key))


def _put(path: Path, contents: bytes) -> Path:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(contents)
    fresh.chmod(0o640)
    return fresh.replace(path)


def broker_lines(directory: Path, authority: Authority, server: Signed, *more: str) -> tuple[str, ...]:
    """For a mosquitto whose listener speaks TLS and wants certificates."""
    ca = _put(directory / "broker-ca.crt", authority.pem)
    certificate, key = _put(directory / "broker.crt", server.pem), _put(directory / "broker.key", server.key_pem)
    return f"cafile {ca}", f"certfile {certificate}", f"keyfile {key}", "require_certificate true", *more
