"""A connection between two parties over loopback, which records every message at the socket.

Each side proves that it knows a random token, by HMAC over the nonces of both, before anything else is said. A peer
that is gone, silent, or says something else than the protocol has next ends the conversation with a PeerError.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hepy.demos.joint_modeling.messages import HEADER, Kind, dump_control, frame, load_control, parse_frame
from hepy.errors import HepyError, WireFormatError
from hepy.wire.fields import FieldReader

LOOPBACK = "127.0.0.1"
HANDSHAKE_SECONDS = 60.0
IDLE_SECONDS = 900.0  # of silence: an emulated device encrypts for minutes
NONCE_BYTES = TOKEN_BYTES = 32


class PeerError(HepyError, ConnectionError):
    """The other party is gone, silent, or does not follow the protocol."""


@dataclass(frozen=True)
class Message:
    """One message as it was seen at the socket.

    Attributes:
        seconds: since the connection stood.
        sent: whether it left from here; else it arrived.
        kind: what it is.
        size: bytes on the socket, header included.
        digest: SHA-256 of its body, in hexadecimal.
    """

    seconds: float
    sent: bool
    kind: Kind
    size: int
    digest: str

    def as_json(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 6),
            "direction": "sent" if self.sent else "received",
            "kind": self.kind.label,
            "bytes": self.size,
            "sha256": self.digest,
        }


class Channel:
    """One end of an authenticated connection.

    Args:
        connection: a connected socket; the channel owns it from here on.
        keep: a folder that gets the body of every message, or None.

    Attributes:
        log: every message so far, a Message each.
        session: a text that names this connection and no other, the same at both ends, once it is authenticated.
        waited: seconds spent waiting for the other side.
    """

    def __init__(self, connection: socket.socket, keep: Path | None = None) -> None:
        self._socket = connection
        self._keep = keep
        self._start = time.perf_counter()
        self.log: list[Message] = []
        self.session = ""
        self.waited = 0.0
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(IDLE_SECONDS)

    def close(self) -> None:
        self._socket.close()

    def authenticate(self, token: bytes, role: bytes, peer: bytes) -> None:
        """Prove to know the token, and have the peer prove it, each under the name of its role.

        Raises:
            PeerError: the peer does not know it.
        """
        self._socket.settimeout(HANDSHAKE_SECONDS)
        mine = secrets.token_bytes(NONCE_BYTES)
        self.send_control(Kind.NONCE, nonce=mine.hex())
        fields = self.receive_control(Kind.NONCE)
        theirs = fields.octets("nonce", NONCE_BYTES)
        fields.end()
        self.send_control(Kind.PROOF, proof=_proof(token, role, mine, theirs).hex())
        fields = self.receive_control(Kind.PROOF)
        proof = fields.octets("proof", 32)
        fields.end()
        if not hmac.compare_digest(proof, _proof(token, peer, theirs, mine)):
            raise PeerError("the other side of the connection does not know this run's token: it is not the party")
        self.session = hashlib.sha256(b"".join(sorted((mine, theirs)))).hexdigest()
        self._socket.settimeout(IDLE_SECONDS)

    def send(self, kind: Kind, body: bytes) -> None:
        header = frame(kind, body)
        try:
            self._socket.sendall(header)
            self._socket.sendall(body)
        except OSError as error:
            raise PeerError(f"the other party is gone: a {kind.label} message could not be sent ({error})") from None
        self._record(True, kind, body)

    def send_control(self, kind: Kind, **fields: Any) -> None:
        self.send(kind, dump_control(fields))

    def receive(self, *expected: Kind) -> tuple[Kind, bytes]:
        """The next message.

        Raises:
            PeerError: there is none.
            WireFormatError: it is of another kind than expected, or too large.
        """
        began = time.perf_counter()
        header = self._read(HEADER.size, expected)
        self.waited += time.perf_counter() - began
        kind, length = parse_frame(header)
        if kind not in expected:
            wanted = " or ".join(k.label for k in expected)
            raise WireFormatError(f"a {kind.label} message arrived where the protocol has {wanted}")
        body = self._read(length, expected)
        self._record(False, kind, body)
        return kind, body

    def receive_control(self, kind: Kind) -> FieldReader:
        return load_control(*self.receive(kind))

    def _read(self, count: int, expected: tuple[Kind, ...]) -> bytes:
        wanted = " or ".join(kind.label for kind in expected)
        out = bytearray()
        while len(out) < count:
            try:
                part = self._socket.recv(min(count - len(out), 1 << 20))
            except TimeoutError:
                raise PeerError(
                    f"the other party was silent for {self._socket.gettimeout():.0f} s, where {wanted} was due"
                ) from None
            except OSError as error:
                raise PeerError(f"the connection broke where {wanted} was due ({error})") from None
            if not part:
                raise PeerError(f"the other party closed the connection where {wanted} was due")
            out += part
        return bytes(out)

    def _record(self, sent: bool, kind: Kind, body: bytes) -> None:
        if self._keep is not None:
            direction = "sent" if sent else "received"
            name = f"{len(self.log):05d}-{direction}-{kind.name.lower()}"
            (self._keep / name).write_bytes(body)
        seconds = time.perf_counter() - self._start
        self.log.append(Message(seconds, sent, kind, HEADER.size + len(body), hashlib.sha256(body).hexdigest()))


def listen() -> socket.socket:
    """A socket that listens on a port of the system's choice, on loopback only."""
    listener = socket.create_server((LOOPBACK, 0), backlog=4)
    listener.settimeout(HANDSHAKE_SECONDS)
    return listener


def accept(listener: socket.socket, token: bytes, role: bytes, peer: bytes, keep: Path | None = None) -> Channel:
    """The first connection whose maker knows the token; others are closed.

    Raises:
        PeerError: none came in time.
    """
    until = time.monotonic() + HANDSHAKE_SECONDS
    while True:
        listener.settimeout(max(0.01, until - time.monotonic()))
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            raise PeerError(f"no party connected within {HANDSHAKE_SECONDS:.0f} s") from None
        channel = Channel(connection, keep)
        try:
            channel.authenticate(token, role, peer)
        except (PeerError, WireFormatError):
            channel.close()
            if time.monotonic() >= until:
                raise
        else:
            return channel


def connect(port: int, token: bytes, role: bytes, peer: bytes, keep: Path | None = None) -> Channel:
    """A connection to the party that listens there.

    Raises:
        PeerError: nobody listens, or whoever does is not the party.
    """
    try:
        connection = socket.create_connection((LOOPBACK, port), timeout=HANDSHAKE_SECONDS)
    except OSError as error:
        raise PeerError(f"the other party does not listen on port {port} ({error})") from None
    channel = Channel(connection, keep)
    try:
        channel.authenticate(token, role, peer)
    except BaseException:
        channel.close()
        raise
    return channel


def _proof(token: bytes, role: bytes, own: bytes, peers: bytes) -> bytes:
    return hmac.digest(token, b"hepy.demos.joint_modeling\0" + role + b"\0" + own + peers, "sha256")
