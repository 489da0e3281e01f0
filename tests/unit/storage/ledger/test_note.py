"""Signed notes and checkpoints against the vectors of C2SP's reference implementation, and against forgers."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger import note
from storage.ledger.note import Checkpoint, NoteDamaged, Verifier

VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SECRET = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = (
    TEXT
    + "\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyB"
    "wJnAM=\n"
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "edged/wenshan-main/5f2c9a01"
MINE = Verifier(ORIGIN, KEY.public_key().public_bytes_raw())


def test_the_published_note_is_made_and_checked() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SECRET)
    assert str(Verifier("PeterNeumann", key.public_key().public_bytes_raw())) == VKEY
    assert note.sign(TEXT, "PeterNeumann", key) == SIGNED
    found = note.parse(SIGNED)
    assert found.text == TEXT
    assert found.signed_by(Verifier.parse(VKEY))


def test_a_changed_text_is_not_signed() -> None:
    assert not note.parse(SIGNED.replace("problem is.", "problem was.")).signed_by(Verifier.parse(VKEY))


def test_a_name_is_no_proof() -> None:
    other = Ed25519PrivateKey.generate()
    forged = note.parse(note.sign(TEXT, "PeterNeumann", other))
    assert not forged.signed_by(Verifier.parse(VKEY))
    real = Verifier.parse(VKEY)
    value = base64.b64encode(real.id + other.sign(TEXT.encode())).decode()
    assert not note.parse(f"{TEXT}\n\u2014 PeterNeumann {value}\n").signed_by(real)


def test_a_signature_that_fails_is_not_covered_up_by_one_that_holds() -> None:
    real = Verifier.parse(VKEY)
    forged = base64.b64encode(real.id + bytes(64)).decode()
    assert not note.parse(f"{SIGNED}\u2014 PeterNeumann {forged}\n").signed_by(real)


def test_others_may_sign_too() -> None:
    twice = note.sign(TEXT, ORIGIN, KEY) + SIGNED.rpartition("\n\n")[2]
    assert note.parse(twice).signed_by(Verifier.parse(VKEY))
    assert note.parse(twice).signed_by(MINE)


@pytest.mark.parametrize(
    "vkey",
    [
        "", "PeterNeumann", VKEY.replace("c74f20a3", "c74f20a4"), VKEY.replace("Peter", "Petra"), VKEY[:-4], VKEY + "A",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "+c74f20a3+" + VKEY.rpartition("+")[2],
        VKEY.replace("ARpc", "AhpC"),
    ],
)  # fmt: skip
def test_what_is_no_key(vkey: str) -> None:
    with pytest.raises(ValueError, match=r"key|base64"):
        Verifier.parse(vkey)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe", TEXT, TEXT + "\n", SIGNED[:-1], SIGNED.replace("\u2014", "-"), SIGNED.replace("x08g", "x08!"),
        SIGNED + "\n", SIGNED.replace("PeterNeumann x", "x"), SIGNED.replace("\n\n", "\n"),
        SIGNED.replace("your", "\x07"),
        TEXT + "\n" + (SIGNED.rpartition("\n\n")[2] * 101), "x" * (64 << 10) + "\n\n\u2014 a AAAAAAAA\n",
    ],
)  # fmt: skip
def test_what_is_no_note(data: str | bytes) -> None:
    with pytest.raises(NoteDamaged):
        note.parse(data)


@given(st.integers(0, note.SIZE_MAX), st.binary(min_size=32, max_size=32))
def test_a_head_comes_back_as_it_was_signed(size: int, root: bytes) -> None:
    head = Checkpoint(ORIGIN, size, root)
    found = note.parse(note.sign(head.text, ORIGIN, KEY).encode())
    assert found.signed_by(MINE)
    assert found.checkpoint() == head


def test_lines_behind_the_root_are_signed_and_passed_over() -> None:
    text = Checkpoint(ORIGIN, 7, bytes(32)).text + "witnessed\n"
    found = note.parse(note.sign(text, ORIGIN, KEY))
    assert found.signed_by(MINE)
    assert found.checkpoint() == Checkpoint(ORIGIN, 7, bytes(32))


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "", f"{ORIGIN}\n7\n", f"\n7\n{ROOT}\n", f"{ORIGIN}\n07\n{ROOT}\n", f"{ORIGIN}\n-7\n{ROOT}\n",
        f"{ORIGIN}\n\uff17\n{ROOT}\n", f"{ORIGIN}\n{1 << 63}\n{ROOT}\n", f"{ORIGIN}\n7\n{ROOT[:-4]}\n",
        f"{ORIGIN}\n7\n{ROOT[:-2]}B=\n", f"{ORIGIN}\n7\n\n{ROOT}\n",
    ],
)  # fmt: skip
def test_what_is_no_head(text: str) -> None:
    with pytest.raises(NoteDamaged):
        note.Note(text, ()).checkpoint()


@given(st.text(max_size=300))
def test_no_text_upsets_the_reader(text: str) -> None:
    with suppress(NoteDamaged):
        note.parse(text).checkpoint()
