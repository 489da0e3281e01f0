"""What the files of [mqtt] hold is examined: each mistake is one clear fault, and what is in order is none."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mqtt import tls
from mqtt.tls import CertificateFault, Contents, Files, Weight
from tests.support.authority import CLIENT, DAY, SERVER, YEAR, Authority, Signed, now, write
from tests.support.resources import assert_nothing_is_left_open, descriptors

FILES = Files("/e/ca.crt", "/e/box.crt", "/e/box.key")
CA = Authority()
BOX = CA.sign("box")
NOW_MS = round(now().timestamp() * 1000)
DAY_MS = 86_400_000


def held(box: Signed = BOX, **changed: object) -> Contents:
    values = {"ca": CA.pem, "certificate": box.pem, "key": box.key_pem, "key_mode": 0o100640, **changed}
    return Contents(**values)  # type: ignore[arg-type]


def faults(contents: Contents, username: str = "") -> tuple[CertificateFault, ...]:
    return tls.examine(FILES, contents, "box", username).faults


def test_what_is_in_order_has_no_fault() -> None:
    assert faults(held()) == ()
    assert faults(held(CA.sign("box", use=None))) == ()
    assert faults(held(certificate=BOX.pem + CA.pem)) == ()
    examined = tls.examine(Files("/e/ca.crt"), Contents(CA.pem), "box", "")
    assert (examined.faults, examined.box) == ((), None)


@pytest.mark.parametrize(
    ("contents", "key", "words", "weight"),
    [
        (held(ca=b""), "ca_file", "/e/ca.crt holds no certificates", Weight.BROKEN),
        (held(ca=BOX.key_pem), "ca_file", "/e/ca.crt holds no certificates", Weight.BROKEN),
        (held(certificate=b"\x00\xff" * 99), "certificate", "/e/box.crt holds no certificates", Weight.BROKEN),
        (held(key=b"hunter2"), "key_file", "/e/box.key holds no key", Weight.BROKEN),
        (held(key=BOX.pem), "key_file", "/e/box.key holds no key", Weight.BROKEN),
        (held(key=CA.sign("box").key_pem), "key_file", "does not belong to the certificate", Weight.BROKEN),
        (held(key_mode=0o100644), "key_file", "everybody on this machine can read /e/box.key", Weight.WRONG),
        (held(CA.sign("box", use=SERVER)), "certificate", "is not made for a client", Weight.WRONG),
        (held(CA.sign("yard")), "certificate", "is made out to 'yard', not to 'box'", Weight.WRONG),
        (held(CA.sign()), "certificate", "is made out to nobody, not to 'box'", Weight.WRONG),
        (held(CA.sign("box", "yard")), "certificate", "is made out to 'box', 'yard', not to 'box'", Weight.WRONG),
    ],
)
def test_each_mistake_is_one_clear_fault(contents: Contents, key: str, words: str, weight: Weight) -> None:
    (fault,) = faults(contents)
    assert (fault.key, fault.weight) == (key, weight)
    assert words in fault.problem
    assert fault.instead
    assert "hunter2" not in str(fault)
    assert str(fault).startswith(f"[mqtt] {key}: /e" if fault.problem.startswith("/e") else f"[mqtt] {key}: ")


def test_a_locked_key_says_how_to_unlock_it() -> None:
    locked = BOX.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
    (fault,) = faults(held(key=locked))
    assert "is locked with a password" in fault.problem
    assert fault.instead.startswith("run openssl pkey -in /e/box.key")


def test_whoever_logs_in_with_a_user_may_have_a_certificate_of_any_name() -> None:
    assert faults(held(CA.sign("yard")), username="edged") == ()


def test_all_mistakes_are_told_at_once() -> None:
    found = faults(held(CA.sign("yard", use=SERVER), ca=b"", key_mode=0o100666))
    assert [fault.key for fault in found] == ["ca_file", "key_file", "certificate", "certificate"]


def test_dates_are_judged_apart_by_the_clock_that_is_given() -> None:
    examined = tls.examine(FILES, held(CA.sign("box", begins=-DAY, ends=10 * DAY)), "box", "")
    assert tls.lapses(FILES, examined, NOW_MS) == ()
    (over,) = tls.lapses(FILES, examined, NOW_MS + 11 * DAY_MS)
    assert (over.key, over.weight) == ("certificate", Weight.TIME)
    assert "/e/box.crt ended on" in over.problem
    both = tls.lapses(FILES, examined, 0)
    assert [fault.key for fault in both] == ["ca_file", "certificate"]
    assert all("by the clock of this box that is still to come" in fault.problem for fault in both)
    assert all("the clock of this box" in fault.instead for fault in both)


def test_while_an_authority_is_replaced_the_one_counts_that_vouches_for_the_broker() -> None:
    old, new = Authority("old", ends=20 * DAY), Authority("new")
    two = (old.certificate, new.certificate)
    unknown = tls.authority(two, None)
    assert unknown is not None
    assert unknown.ends_ms == tls.lifetime(new.certificate).ends_ms
    shown = tls.authority(two, old.server().certificate)
    assert shown is not None
    assert shown.ends_ms == tls.lifetime(old.certificate).ends_ms
    strange = tls.authority(two, CA.server().certificate)
    assert strange == unknown
    assert tls.authority((), None) is None


def ring(files: Files, now_ms: int = NOW_MS) -> tls.Keyring:
    return tls.Keyring(files, "box", "", lambda: now_ms)


def test_files_that_cannot_be_read_are_faults_and_no_errors(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    found = tls.inspect(Files(str(tmp_path / "no"), str(directory), "/dev/null"), "box", "", NOW_MS)
    assert [fault.key for fault in found] == ["ca_file", "certificate", "key_file"]
    assert "there is no file" in found[0].problem
    assert all("is not a file" in fault.problem for fault in found[1:])
    keyring = ring(Files(str(tmp_path / "no")))
    with pytest.raises(tls.Unusable, match="there is no file"):
        keyring.context()
    write(tmp_path, CA)
    keyring = ring(Files(str(tmp_path / "ca.crt")))
    assert keyring.context() is keyring.context()


def test_what_is_replaced_and_in_order_is_taken(tmp_path: Path) -> None:
    keyring = ring(write(tmp_path, CA, BOX))
    first = keyring.context()
    assert not keyring.superseded(first)
    write(tmp_path, CA, BOX)  # another file, the same contents
    keyring.poll()
    assert not keyring.superseded(first)
    new = CA.sign("box", ends=2 * YEAR)
    write(tmp_path, CA, new)
    keyring.poll()
    assert keyring.superseded(first)
    assert keyring.context() is not first
    assert keyring.view.box == tls.lifetime(new.certificate, str(tmp_path / "box.crt"))
    assert keyring.view.faults == ()


@pytest.mark.parametrize(
    "bad",
    [CA.sign("yard"), CA.sign("box", ends=-DAY / 2), CA.sign("box", begins=DAY), CA.sign("box", use=SERVER)],
    ids=["of another", "over", "to come", "for a server"],
)
def test_what_is_replaced_and_wrong_is_told_and_not_taken(tmp_path: Path, bad: Signed) -> None:
    files = write(tmp_path, CA, BOX)
    keyring = ring(files)
    first = keyring.context()
    write(tmp_path, CA, bad)
    keyring.poll()
    assert keyring.context() is first
    assert (len(keyring.view.faults), keyring.view.kept) == (1, True)
    assert keyring.view.box == tls.lifetime(BOX.certificate, files.certificate)
    write(tmp_path, CA, CA.sign("box"))
    assert keyring.context() is not first
    assert (keyring.view.faults, keyring.view.kept) == ((), False)


def test_what_is_no_worse_than_what_is_used_is_taken(tmp_path: Path) -> None:
    """A key that all may read is replaced by another such; a certificate that is over by one that is to come."""
    ring_of_wrong = ring(write(tmp_path, CA, BOX))
    (tmp_path / "box.key").chmod(0o644)
    first = ring_of_wrong.context()
    new = CA.sign("box")
    (tmp_path / "box.crt").write_bytes(new.pem)
    (tmp_path / "box.key").write_bytes(new.key_pem)
    assert ring_of_wrong.context() is not first
    assert [fault.weight for fault in ring_of_wrong.view.faults] == [Weight.WRONG]
    late = ring(write(tmp_path, CA, CA.sign("box", ends=-DAY / 2)))
    first = late.context()
    write(tmp_path, CA, CA.sign("yard"))
    assert late.context() is first, "that would be worse"
    write(tmp_path, CA, CA.sign("box", begins=DAY))
    assert late.context() is not first


def test_an_authority_that_does_not_vouch_for_the_broker_is_taken_only_when_the_link_is_down(tmp_path: Path) -> None:
    """It may be a broker of another authority that does not answer any more: then the old one helps nobody."""
    keyring = ring(write(tmp_path, CA, BOX))
    first = keyring.context()
    keyring._shown, keyring._stands = CA.sign("broker", use=SERVER).certificate, True
    other = Authority("other")
    (tmp_path / "ca.crt").write_bytes(other.pem)
    keyring.poll()
    assert ([fault.key for fault in keyring.view.faults], keyring.view.kept) == (["ca_file"], True)
    (tmp_path / "ca.crt").write_bytes(other.pem + CA.pem)
    keyring.poll()
    assert (keyring.view.faults, keyring.superseded(first)) == ((), True)
    (tmp_path / "ca.crt").write_bytes(other.pem)
    keyring.poll()
    both = keyring._worn
    assert keyring.view.kept
    assert both is not None
    assert keyring.context() is not both.context


def test_between_a_new_certificate_and_its_key_the_old_ones_are_used(tmp_path: Path) -> None:
    keyring = ring(write(tmp_path, CA, BOX))
    first = keyring.context()
    new = CA.sign("box")
    (tmp_path / "box.crt").write_bytes(new.pem)
    keyring.poll()
    assert "does not belong" in keyring.view.faults[0].problem
    (tmp_path / "box.key").unlink()
    assert keyring.context() is first
    (tmp_path / "box.key").write_bytes(new.key_pem)
    (tmp_path / "box.key").chmod(0o640)
    assert keyring.context() is not first
    assert keyring.view.faults == ()


@pytest.mark.parametrize(
    "bad", [CA.sign("yard"), CA.sign("box", ends=-DAY / 2), CA.sign("box", begins=DAY)], ids=["name", "over", "to come"]
)
def test_where_there_is_nothing_better_what_is_wrong_is_tried_all_the_same(tmp_path: Path, bad: Signed) -> None:
    assert ring(write(tmp_path, CA, bad)).context() is not None


def test_a_key_that_is_opened_to_all_later_is_told_and_used(tmp_path: Path) -> None:
    keyring = ring(write(tmp_path, CA, BOX))
    first = keyring.context()
    (tmp_path / "box.key").chmod(0o644)
    assert keyring.context() is first
    assert [fault.weight for fault in keyring.view.faults] == [Weight.WRONG]
    assert not keyring.view.kept


def test_what_openssl_does_not_take_is_a_fault(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  that is what it is for
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "box")])
    made = x509.CertificateBuilder(name, name, weak.public_key(), 1, now() - DAY, now() + YEAR)
    files = write(tmp_path, CA, BOX)
    (tmp_path / "box.crt").write_bytes(made.sign(weak, hashes.SHA256()).public_bytes(Encoding.PEM))
    (tmp_path / "box.key").write_bytes(weak.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "box.key").chmod(stat.S_IRUSR)
    (fault,) = tls.inspect(files, "box", "", NOW_MS)
    assert "OpenSSL does not take what" in fault.problem
    assert "key too small" in fault.problem
    with pytest.raises(tls.Unusable, match="key too small"):
        ring(files).context()


def test_nothing_below_tls_1_2_and_nobody_unverified(tmp_path: Path) -> None:
    context = ring(write(tmp_path, CA, BOX)).context()
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    assert context.minimum_version.name == "TLSv1_2"
    assert [one["subject"] for one in context.get_ca_certs()] == [((("commonName", "authority of a test"),),)]


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    keyring = ring(write(tmp_path, CA, BOX))
    keyring.context()
    before = descriptors()
    for days in range(1, 20):
        write(tmp_path, CA, CA.sign("box", ends=timedelta(days=days), use=CLIENT))
        keyring.poll()
    assert_nothing_is_left_open(before)
