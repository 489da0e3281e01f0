"""recorder.rtsp.dialogue: the vectors of the RFCs, and what is never said."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp import dialogue
from recorder.rtsp.dialogue import Challenge, Credentials, Login

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC_7616 = (
    'realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE_7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def login(account: Credentials = MUFASA) -> Login:
    return Login(account, lambda: CNONCE_7616)


def field(header: str, name: str) -> str:
    found = re.search(rf'\b{name}=(?:"([^"]*)"|([^,]*))', header)
    assert found
    return found[1] or found[2]


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_vectors_of_rfc_7616(algorithm: str, response: str) -> None:
    way = login()
    assert way.refused([f"Digest {RFC_7616.format(algorithm)}"])
    header = way.header("GET", "/dir/index.html")
    assert field(header, "response") == response
    assert field(header, "nc") == "00000001"
    assert field(header, "algorithm") == algorithm


def test_vector_of_rfc_2617() -> None:
    offered = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    challenge = dialogue.best([offered])
    assert challenge is not None
    made = dialogue.digest(Credentials("Mufasa", "Circle Of Life"), challenge, "GET", "/dir/index.html", 1, "0a4f113b")
    assert field(made, "response") == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in made


def test_vector_of_rfc_2069() -> None:
    """As in its errata 749: without qop, counters and cnonce."""
    challenge = Challenge(basic=False, realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093")
    made = dialogue.digest(Credentials("Mufasa", "CircleOfLife"), challenge, "GET", "/dir/index.html", 1, "unused")
    assert field(made, "response") == "1949323746fe6a43ef61f9606e7febea"
    assert "nc=" not in made
    assert "cnonce" not in made


def test_a_session_s_secret_is_made_of_both_nonces() -> None:
    challenge = Challenge(basic=False, realm="r", nonce="n", algorithm="MD5-sess", qop=True)
    one, other = (dialogue.digest(MUFASA, challenge, "PLAY", "rtsp://h/", 1, cnonce) for cnonce in ("a", "b"))
    assert field(one, "response") != field(other, "response")
    assert "algorithm=MD5-sess" in one


@pytest.mark.parametrize(
    ("headers", "algorithm", "nonce"),
    [
        (['Digest realm="a", nonce="1"', 'Basic realm="a"'], "", "1"),
        (['Basic realm="a"', 'Digest realm="a", nonce="1"'], "", "1"),
        (['Basic realm="a", Digest realm="a", nonce="1", algorithm=MD5'], "MD5", "1"),
        (
            ['Digest realm="a", nonce="1", algorithm=SHA-512-256', 'Digest realm="a",nonce="2",algorithm="SHA-256"'],
            "SHA-256",
            "2",
        ),
        (['digest realm="a\\"b",nonce=1,stale=TRUE,qop="AUTH"'], "", "1"),
        (['Digest realm="a, Basic b", nonce="1"'], "", "1"),
    ],
)
def test_the_first_digest_on_offer_is_taken(headers: list[str], algorithm: str, nonce: str) -> None:
    challenge = dialogue.best(headers)
    assert challenge is not None
    assert not challenge.basic
    assert (challenge.algorithm, challenge.nonce) == (algorithm, nonce)


@pytest.mark.parametrize(
    "header",
    ["", "Negotiate", 'Digest realm="a"', 'Digest nonce="1", algorithm=TOKEN', 'Digest nonce="1", qop="auth-int"'],
)
def test_what_we_do_not_know(header: str) -> None:
    assert dialogue.best([header]) is None
    way = login()
    assert not way.refused([header])
    assert not way.known
    assert way.header("DESCRIBE", "rtsp://h/") == ""


def test_nothing_is_said_before_it_is_asked_for() -> None:
    assert login().header("DESCRIBE", "rtsp://h/") == ""


def test_basic_only_where_nothing_better_is_offered() -> None:
    way = login(Credentials("viewer", "pä:ss"))
    assert way.refused(['Basic realm="camera"'])
    assert way.header("DESCRIBE", "rtsp://h/") == "Basic " + base64.b64encode("viewer:pä:ss".encode()).decode()


def test_a_camera_that_knew_digest_is_told_no_password_in_basic() -> None:
    way = login()
    assert way.refused(['Digest realm="a", nonce="1"'])
    way.header("DESCRIBE", "rtsp://h/")
    assert not way.refused(['Basic realm="a"'])


def test_a_wrong_password_is_tried_once() -> None:
    way = login()
    assert way.refused(['Digest realm="a", nonce="1"'])
    assert not way.refused(['Digest realm="a", nonce="2"'])
    way = login()
    assert way.refused(['Basic realm="a"'])
    assert not way.refused(['Basic realm="a"'])


def test_a_nonce_that_was_accepted_grows_old() -> None:
    way = login()
    assert way.refused(['Digest realm="a", nonce="1", qop="auth"'])
    way.header("DESCRIBE", "rtsp://h/")
    way.accepted()
    assert "nc=00000002" in way.header("SETUP", "rtsp://h/")
    assert way.refused(['Digest realm="a", nonce="2", qop="auth"'])
    assert "nc=00000001" in way.header("SETUP", "rtsp://h/")
    assert not way.refused(['Digest realm="a", nonce="3", qop="auth"'])


def test_a_stale_nonce_is_renewed_even_at_first() -> None:
    way = login()
    assert way.refused(['Digest realm="a", nonce="1"'])
    assert way.refused(['Digest realm="a", nonce="2", stale=true'])
    assert not way.refused(['Digest realm="a", nonce="2", stale=true'])


def test_without_an_account_nothing_is_tried() -> None:
    way = login(Credentials("", ""))
    assert not way.refused(['Basic realm="a"'])
    assert way.known
    assert way.header("DESCRIBE", "rtsp://h/") == ""


def test_an_account_does_not_show_its_password() -> None:
    assert "Circle" not in repr(MUFASA)


@given(st.lists(st.text(max_size=200), max_size=3))
def test_nothing_is_raised(headers: list[str]) -> None:
    way = login()
    way.refused([f"Digest {header}" for header in headers])
    way.header("PLAY", "rtsp://h/")
