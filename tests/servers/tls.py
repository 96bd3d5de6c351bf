"""Certificates: good ones, and each fault that a certificate can have. All by trustme, so no test's clock runs out."""

from __future__ import annotations

import datetime
import ssl
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Authority:
    """A certificate authority that the tests trust (`--ca-file`), and another that they do not."""

    def __init__(self) -> None:
        self._trusted, self._unknown = trustme.CA(), trustme.CA()

    def write(self, path: Path) -> Path:
        """Write the trusted root for `--ca-file`, and return its path."""
        self._trusted.cert_pem.write_to_path(path)
        return path

    def valid(self, *names: str) -> trustme.LeafCert:
        """Return a certificate without a fault. A name may be a wildcard."""
        return self._trusted.issue_cert(*names)

    def expired(self, *names: str) -> trustme.LeafCert:
        """Return a certificate that ended an hour ago."""
        return self._trusted.issue_cert(*names, not_after=_in(hours=-1))

    def not_yet_valid(self, *names: str) -> trustme.LeafCert:
        """Return a certificate that begins tomorrow."""
        return self._trusted.issue_cert(*names, not_before=_in(days=1))

    def ends_in(self, days: int, *names: str) -> trustme.LeafCert:
        """Return a certificate that is valid for this many days more."""
        return self._trusted.issue_cert(*names, not_after=_in(days=days, hours=1))

    def common_name_only(self, name: str) -> trustme.LeafCert:
        """Return a certificate that has the name where it does not count any more."""
        return self._trusted.issue_cert(common_name=name)

    def untrusted(self, *names: str) -> trustme.LeafCert:
        """Return a certificate whose issuer nobody knows."""
        return self._unknown.issue_cert(*names)

    def untrusted_with_root(self, *names: str) -> trustme.LeafCert:
        """Return a certificate whose issuer nobody knows, and comes along."""
        leaf = self._unknown.issue_cert(*names)
        return trustme.LeafCert(
            leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes(), [self._unknown.cert_pem.bytes()]
        )

    def for_clients(self, *names: str) -> trustme.LeafCert:
        """Return a certificate that its authority made for clients, and for no server."""
        key, root = ec.generate_private_key(ec.SECP256R1()), self._trusted
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        given = [x509.DNSName(each) for each in names]
        return _signed(key, own, root._certificate.subject, given, root._private_key, [purpose])

    def without_chain(self, *names: str) -> trustme.LeafCert:
        """Return a certificate that comes without the one between it and the root."""
        leaf = self._trusted.create_child_ca().issue_cert(*names)
        (own, *_) = leaf.cert_chain_pems
        return trustme.LeafCert(leaf.private_key_pem.bytes(), own.bytes(), [])

    def expired_intermediate(self, *names: str) -> trustme.LeafCert:
        """Return a good certificate below one that ended an hour ago."""
        ca = self._trusted.create_child_ca()
        now, root = datetime.datetime.now(datetime.timezone.utc), self._trusted
        old = ca._certificate
        builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=9)).not_valid_after(_in(hours=-1))
        for extension in old.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        ended = builder.sign(root._private_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        leaf = ca.issue_cert(*names)
        return trustme.LeafCert(leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes(), [ended])

    def self_signed(self, *names: str) -> trustme.LeafCert:
        """Return a certificate that is its own issuer."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        return _signed(key, name, name, [x509.DNSName(each) for each in names], key)


def _signed(
    key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    issuer: x509.Name,
    names: Sequence[x509.GeneralName],
    by: Any,
    more: Sequence[x509.ExtensionType] = (),
) -> trustme.LeafCert:
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(_in(days=-1)).not_valid_after(_in(days=365))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(by, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return trustme.LeafCert(private, made.public_bytes(serialization.Encoding.PEM), [])


def context(leaf: trustme.LeafCert, only: str | None = None) -> ssl.SSLContext:
    """Return what a server needs to show a certificate. only: the one TLS version it speaks, as "TLSv1_1"."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(made)
    if only:
        made.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL 3 lets nobody speak the old versions above that level
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = made.maximum_version = ssl.TLSVersion[only]
    return made


def by_name(named: ssl.SSLContext, unnamed: ssl.SSLContext) -> ssl.SSLContext:
    """Return a context that is the one for clients that name a host (SNI), and the other for the rest."""

    def chosen(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name:
            connection.context = named

    unnamed.sni_callback = chosen
    return unnamed


def no_certificate() -> ssl.SSLContext:
    """Return a context with nothing to show: its handshakes all fail."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def _in(*, days: int = 0, hours: int = 0) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=hours)
