"""Files: whole or not at all, with the right mode, read within bounds."""

import errno
import os
import resource
import signal
import stat
import tracemalloc

import numpy as np
import pytest

import hepy
from hepy.wire import files, sealed


@pytest.fixture
def x(djn):
    return djn.encrypt(np.arange(4).reshape(2, 2))


def test_round_trip(tmp_path, djn, x):
    path = tmp_path / "x.hepy"
    for name in (path, str(path)):
        hepy.save(x, name)
        assert path.read_bytes() == hepy.dumps(x)
        assert hepy.load(name, djn).digest() == x.digest()
    hepy.save(djn.public_key, path)
    assert hepy.load(path) == djn.public_key


def test_what_is_not_fresh_is_rerandomized(tmp_path, djn, x):
    path = tmp_path / "x.hepy"
    hepy.save(x + x, path, seed=bytes(32))
    assert path.read_bytes() == hepy.dumps(x + x, seed=bytes(32))
    hepy.save(x + x, path, rerandomize=False)
    assert hepy.load(path).digest() == (x + x).digest()


def test_private_keys_are_for_their_owner_only(tmp_path, djn, monkeypatch):
    monkeypatch.setattr(sealed, "LOG2_COST", 14)
    path = tmp_path / "key.hepy"
    with pytest.raises(hepy.ParameterError, match="password"):
        hepy.save(djn, path)
    assert not path.exists()
    for options, password in (({"password": "secret"}, "secret"), ({"unencrypted": True}, None)):
        path.write_bytes(b"")
        path.chmod(0o644)
        hepy.save(djn, path, **options)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert hepy.load(path, password=password).fingerprint == djn.fingerprint


def test_other_files_follow_the_umask(tmp_path, x):
    old = os.umask(0o027)
    try:
        hepy.save(x, tmp_path / "x.hepy")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x.hepy").stat().st_mode) == 0o640


def test_private_keys_are_never_readable_by_others_even_for_a_moment(tmp_path, djn, monkeypatch):
    modes = []
    fsync = os.fsync

    def look(descriptor):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    hepy.save(djn, tmp_path / "key.hepy", unencrypted=True)
    assert modes == [0o600]


def test_links_are_followed(tmp_path, x):
    (tmp_path / "far").mkdir()
    (tmp_path / "link.hepy").symlink_to(tmp_path / "far" / "x.hepy")
    hepy.save(x, tmp_path / "link.hepy")
    assert (tmp_path / "link.hepy").is_symlink()
    assert hepy.load(tmp_path / "far" / "x.hepy").digest() == x.digest()


def test_a_relative_path(tmp_path, x, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hepy.save(x, "x.hepy")
    assert hepy.load("x.hepy").digest() == x.digest()


# Failures.


def unchanged(folder, old):
    assert sorted(os.listdir(folder)) == ["x.hepy"]
    assert (folder / "x.hepy").read_bytes() == old


def test_a_full_disk(tmp_path, djn, x):
    """The kernel's own refusal, by a limit on the size of files."""
    path = tmp_path / "x.hepy"
    hepy.save(x, path)
    old, large = path.read_bytes(), djn.encrypt(np.arange(1000))
    digest = large.digest()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(
            hepy.StorageError, match=r"free space there or save elsewhere.*unchanged.*x\.hepy"
        ) as caught:
            hepy.save(large, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == errno.EFBIG
    unchanged(tmp_path, old)
    assert large.digest() == digest
    hepy.save(large, path)
    assert hepy.load(path).digest() == digest


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_turns_out_to_be_full_when_it_is_synchronized(tmp_path, x, monkeypatch, code):
    path = tmp_path / "x.hepy"
    hepy.save(x, path)
    old = path.read_bytes()

    def full(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(hepy.StorageError, match="was written: free space"):
        hepy.save(x.rerandomize(), path)
    unchanged(tmp_path, old)


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "broken"), KeyboardInterrupt(), RuntimeError("broken")])
@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_other_failures_leave_nothing_behind(tmp_path, x, monkeypatch, failure, place):
    path = tmp_path / "x.hepy"
    hepy.save(x, path)
    old = path.read_bytes()

    def fail(*arguments):
        raise failure

    monkeypatch.setattr(os, place, fail)
    with pytest.raises(type(failure)) as caught:
        hepy.save(x.rerandomize(), path)
    assert caught.value is failure
    unchanged(tmp_path, old)


def test_a_failure_while_the_message_is_made(tmp_path, x, monkeypatch):
    path = tmp_path / "x.hepy"
    hepy.save(x, path)
    old = path.read_bytes()

    def out_of_memory(self):
        raise hepy.DeviceOutOfMemoryError("no memory")

    monkeypatch.setattr(type(x.residues), "to_limbs", out_of_memory)
    with pytest.raises(hepy.DeviceOutOfMemoryError):
        hepy.save(x, path)
    unchanged(tmp_path, old)


def test_places_that_are_not_there(tmp_path, x):
    with pytest.raises(FileNotFoundError) as caught:
        hepy.save(x, tmp_path / "missing" / "x.hepy")
    assert caught.value.filename == str(tmp_path / "missing" / "x.hepy")
    with pytest.raises(FileNotFoundError):
        hepy.load(tmp_path / "missing.hepy")
    with pytest.raises(IsADirectoryError):
        hepy.save(x, tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        for read in (hepy.load, hepy.describe):
            with pytest.raises(hepy.ParameterError, match="no regular file: read it yourself"):
                read(path)


def test_max_bytes(tmp_path, x, djn):
    path = tmp_path / "x.hepy"
    hepy.save(x, path)
    size = path.stat().st_size
    with pytest.raises(hepy.WireFormatError, match=f"{size} bytes exceed max_bytes={size - 1}"):
        hepy.load(path, djn, max_bytes=size - 1)
    hepy.load(path, djn, max_bytes=size)


def test_a_large_file_of_nothing_is_refused_by_its_header(tmp_path):
    path = tmp_path / "holes.hepy"
    path.touch()
    os.truncate(path, 1 << 33)
    tracemalloc.start()
    try:
        with pytest.raises(hepy.WireFormatError, match="header: it is not JSON"):
            hepy.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_file_that_shrinks_while_it_is_read(tmp_path, x, djn, monkeypatch):
    path = tmp_path / "x.hepy"
    hepy.save(x, path)
    require = hepy.wire.container.Container.require

    def shrink(self, *arguments):
        require(self, *arguments)
        os.truncate(path, path.stat().st_size - 1)

    monkeypatch.setattr(hepy.wire.container.Container, "require", shrink)
    with pytest.raises(hepy.WireFormatError, match="the file ended at byte"):
        hepy.load(path, djn)


def test_files_stay_open_no_longer_than_needed(tmp_path, x, djn):
    path = tmp_path / "x.hepy"
    before = len(os.listdir("/proc/self/fd"))
    hepy.save(x, path)
    for _ in range(3):
        hepy.load(path, djn)
        hepy.describe(path)
    path.write_bytes(b"broken")
    with pytest.raises(hepy.WireFormatError):
        hepy.load(path)
    assert len(os.listdir("/proc/self/fd")) == before


# Memory.


def peak(work):
    tracemalloc.start()
    try:
        result = work()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def test_memory_holds_ciphertexts_once(tmp_path, keys):
    """Saving streams; loading needs the residues, an index of 8 bytes an element, and a chunk."""
    key, path = keys("djn", 512), tmp_path / "x.hepy"
    one = key.encrypt(np.arange(2000))
    x = one[np.arange(100_000) % 2000]
    size = x.size * 128
    used, _ = peak(lambda: hepy.save(x, path, rerandomize=False))
    assert path.stat().st_size >= size
    assert used < 0.3 * size
    used, message = peak(lambda: hepy.dumps(x, rerandomize=False))
    assert used < 1.4 * size
    assert message == path.read_bytes()
    for load in (lambda: hepy.load(path, key), lambda: hepy.loads(message, key)):
        used, loaded = peak(load)
        assert used < 1.4 * size
        assert loaded.digest() == x.digest()


def test_writing_takes_the_whole_message_from_one_place(tmp_path, x):
    """What save writes is what dumps returns, by construction: both iterate the same chunks."""
    message = hepy.wire.kinds.encode("paillier.ciphertexts", x)
    files.write(message, tmp_path / "x.hepy", 0o600)
    assert (tmp_path / "x.hepy").read_bytes() == b"".join(message.chunks())
