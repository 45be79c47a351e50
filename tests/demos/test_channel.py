"""The connection between parties: what it lets through, and how it ends when the other side misbehaves."""

import hashlib
import json
import socket
import struct
import threading
import time

import numpy as np
import pytest

from hepy.demos.joint_modeling import channel, messages
from hepy.demos.joint_modeling.channel import Channel, PeerError
from hepy.demos.joint_modeling.messages import HEADER, MAGIC, Kind
from hepy.errors import WireFormatError

TOKEN = bytes(range(32))


@pytest.fixture
def pair():
    """A channel, and the bare socket at its other end."""
    listener = channel.listen()
    bare = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    link = Channel(accepted)
    yield link, bare
    link.close()
    bare.close()
    listener.close()


def test_both_ends_record_the_same_messages(pair, tmp_path):
    link, bare = pair
    peer = Channel(bare, keep=tmp_path)
    body = b"\0" * 5000
    link.send(Kind.HISTOGRAM, body)
    assert peer.receive(Kind.ASK, Kind.HISTOGRAM) == (Kind.HISTOGRAM, body)
    peer.send_control(Kind.ASK, nodes=[2, 3])
    fields = link.receive_control(Kind.ASK)
    assert fields.integers("nodes", 4, 1, 9) == (2, 3)
    digest = hashlib.sha256(body).hexdigest()
    first = link.log[0]
    assert (first.sent, first.kind, first.size, first.digest) == (True, Kind.HISTOGRAM, 5013, digest)
    for mine, theirs in zip(link.log, peer.log, strict=True):
        assert (mine.kind, mine.size, mine.digest) == (theirs.kind, theirs.size, theirs.digest)
        assert mine.sent != theirs.sent
    assert (tmp_path / "00000-received-histogram").read_bytes() == body


def test_listens_on_loopback_only():
    with channel.listen() as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (HEADER.pack(b"http", Kind.ASK.code, 2) + b"{}", "no message between"),
        (HEADER.pack(MAGIC, 99, 2) + b"{}", "no message between"),
        (HEADER.pack(MAGIC, Kind.ASK.code, 1 << 40), "announces"),
        (HEADER.pack(MAGIC, Kind.SPLIT.code, 2) + b"{}", "where the protocol has ask"),
        (HEADER.pack(MAGIC, Kind.ASK.code, 3) + b"{ }", "canonical"),
        (HEADER.pack(MAGIC, Kind.ASK.code, 13) + b'{"a":1,"a":1}', "canonical"),
        (HEADER.pack(MAGIC, Kind.ASK.code, 2) + b"[]", "canonical"),
        (HEADER.pack(MAGIC, Kind.ASK.code, 2) + b"\xff\xff", "canonical"),
        (HEADER.pack(MAGIC, Kind.ASK.code, 60000) + b"[" * 60000, "canonical"),
    ],
    ids=["magic", "kind", "length", "order", "spaces", "twice", "list", "bytes", "depth"],
)
def test_what_is_no_message_is_refused(pair, data, error):
    link, bare = pair
    bare.sendall(data)
    with pytest.raises(WireFormatError, match=error):
        link.receive_control(Kind.ASK)


def test_a_closed_connection_ends_reading_at_once(pair):
    link, bare = pair
    bare.sendall(HEADER.pack(MAGIC, Kind.ASK.code, 100) + b"{")
    bare.close()
    with pytest.raises(PeerError, match="closed the connection where ask"):
        link.receive(Kind.ASK)


def test_a_silent_peer_is_given_up(pair):
    link, _ = pair
    link._socket.settimeout(0.05)
    with pytest.raises(PeerError, match="silent"):
        link.receive(Kind.ASK)


def test_sending_to_nobody_is_an_error(pair):
    link, bare = pair
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    bare.close()  # with a reset
    time.sleep(0.05)
    with pytest.raises(PeerError, match="could not be sent"):
        link.send(Kind.GRADIENTS, bytes(1 << 16))


def meet(partner_token, bank_token):
    """What came of both ends: a Channel each, or the error."""
    out = {}

    def run(name, function, *arguments):
        try:
            out[name] = function(*arguments)
        except (PeerError, WireFormatError) as error:
            out[name] = error

    with channel.listen() as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(
            target=run, args=("partner", channel.accept, listener, partner_token, b"partner", b"bank")
        )
        thread.start()
        run("bank", channel.connect, port, bank_token, b"bank", b"partner")
        thread.join()
    for end in out.values():
        if isinstance(end, Channel):
            end.close()
    return out


def test_parties_with_one_token_meet_and_the_token_stays_home():
    out = meet(TOKEN, TOKEN)
    assert [message.kind for message in out["bank"].log] == [Kind.NONCE, Kind.NONCE, Kind.PROOF, Kind.PROOF]
    assert len({message.digest for message in out["bank"].log}) == 4


def test_parties_with_different_tokens_do_not(monkeypatch):
    monkeypatch.setattr(channel, "HANDSHAKE_SECONDS", 0.3)
    out = meet(TOKEN, TOKEN[::-1])
    assert isinstance(out["bank"], PeerError)
    assert isinstance(out["partner"], PeerError)


def test_a_proof_sent_back_as_it_came_is_no_proof(pair):
    link, bare = pair

    def reflect():
        for _ in range(2):
            header = bare.recv(HEADER.size, socket.MSG_WAITALL)
            bare.sendall(header + bare.recv(HEADER.unpack(header)[2], socket.MSG_WAITALL))

    thread = threading.Thread(target=reflect)
    thread.start()
    with pytest.raises(PeerError, match="token"):
        link.authenticate(TOKEN, b"bank", b"partner")
    thread.join()


def test_a_stranger_who_comes_first_is_sent_away():
    with channel.listen() as listener:
        port = listener.getsockname()[1]
        stranger = socket.create_connection(("127.0.0.1", port))
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(channel.accept(listener, TOKEN, b"partner", b"bank")))
        thread.start()
        link = channel.connect(port, TOKEN, b"bank", b"partner")
        thread.join()
        for end in (link, accepted[0], stranger):
            end.close()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 150])
def test_bits_come_back(count):
    bits = np.random.default_rng(count).random(count) < 0.5
    fields = messages.load_control(Kind.FOLLOW, messages.dump_control({"left": messages.dump_bits(bits)}))
    assert np.array_equal(messages.read_bits(fields, "left", count), bits)


@pytest.mark.parametrize("text", ["ff", "0101", "zz", "", 5, None])
def test_bits_of_another_number_are_refused(text):
    fields = messages.load_control(Kind.FOLLOW, messages.dump_control({"left": text}))
    with pytest.raises(WireFormatError, match="left"):
        messages.read_bits(fields, "left", 7)


def test_control_messages_are_canonical_json():
    body = messages.dump_control({"b": [1, 2], "a": "ö"})
    assert body == b'{"a":"\\u00f6","b":[1,2]}'
    assert json.loads(body) == {"a": "ö", "b": [1, 2]}
