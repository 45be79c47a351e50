"""Pools in files: whatever processes do and wherever they die, no element is handed out twice."""

import fcntl
import hashlib
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from safetensors.numpy import load_file

import hepy
from hepy.errors import KeyMismatchError, ParameterError, PoolExhaustedError, WireFormatError
from hepy.paillier import pool_files

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12's word on forks


@pytest.fixture
def path(tmp_path):
    return tmp_path / "obfuscators.pool"


@pytest.fixture
def public(key):
    return key.public_key


@pytest.fixture
def pool(public, path, seed):
    return public.pool(20, path, seed=seed("file"))


@pytest.fixture
def every(public, seed):
    """The elements of `pool`, from a pool in memory."""
    return taken(public.pool(20, seed=seed("file")), 20)


def taken(pool, count):
    return pool.take(count, pool.public_key).to_ints().tolist()


def flip(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


def data_offset(path):
    return 8 + int.from_bytes(path.read_bytes()[:8], "little")


# What it is.


def test_a_file_holds_the_elements_of_a_pool_in_memory(device, key, path, seed):
    public, values = key.public_key, [1, -2, 3]
    pool = key.pool(4, path, seed=seed("file"))
    assert public.encrypt(values, pool=pool).digest() == public.encrypt(values, seed=seed("file")).digest()
    assert pool.left == 1
    longer = public.pool(3, path.with_suffix(".2"), rerandomize=True, seed=seed("file"))
    x = public.encrypt(values) * 2
    assert x.rerandomize(pool=longer).digest() == x.rerandomize(seed=seed("file")).digest()


def test_every_variant_has_files(any_key, path, seed):
    public, values = any_key.public_key, [1, -2, 3]
    any_key.pool(3, path, seed=seed("file"))
    x = public.encrypt(values, pool=public.open_pool(path))
    assert x.digest() == public.encrypt(values, seed=seed("file")).digest()
    assert any_key.decrypt(x).tolist() == values


def test_safetensors_reads_it(pool, path, every):
    tensors = load_file(path)
    assert [name for name, _ in sorted(tensors.items())] == ["checks", "obfuscators", "state"]
    assert [int.from_bytes(row.tobytes(), "little") for row in tensors["obfuscators"]] == every
    with open(path, "rb") as file:
        birth = pool_files._birth(file.fileno())
    words = b"".join(word.to_bytes(8, "little") for word in (path.stat().st_ino, *birth))
    identity = int.from_bytes(hashlib.sha256(b"hepy pool file" + words).digest()[:8], "little")
    assert tensors["state"].tolist() == [identity, 0, 2**64 - 1]


def test_nobody_else_may_read_it(pool, path):
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_umask_does_not_matter(public, path):
    old = os.umask(0)
    try:
        public.pool(2, path)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600


def test_used_elements_are_erased_and_counted(pool, path, every):
    assert taken(pool, 3) == every[:3]
    tensors = load_file(path)
    assert not tensors["obfuscators"][:3].any()
    assert tensors["obfuscators"][3:].any(axis=1).all()
    assert tensors["state"].tolist()[1:] == [3, 3 ^ 2**64 - 1]


def test_it_is_opened_again_and_again(public, pool, path, every):
    taken(pool, 2)
    again = public.open_pool(path)
    assert (again.left, again.count) == (18, 20)
    assert taken(again, 2) + taken(pool, 2) == every[2:6]
    assert repr(again).startswith(f"Pool(left=14, count=20, path={str(path)!r}")
    assert "seeded=True" in repr(again)


def test_exhausted(public, pool):
    taken(pool, 19)
    with pytest.raises(PoolExhaustedError, match="2 obfuscators were asked of a pool that has 1 left of 20"):
        public.encrypt([1, 2], pool=pool)
    public.encrypt([1], pool=pool)
    assert pool.left == 0


def test_described_and_never_loaded_or_sent(public, pool, path):
    said = hepy.describe(path)
    assert said == hepy.describe(pool)
    assert (said.kind, said.fingerprint, said.bytes) == ("paillier.pool", public.fingerprint, path.stat().st_size)
    assert said.parameters["count"] == 20
    assert "as secret as plaintexts" in said.reveals[0]
    for load in (lambda: hepy.load(path), lambda: hepy.loads(path.read_bytes(), public)):
        with pytest.raises(WireFormatError, match="is no message"):
            load()
    with pytest.raises(ParameterError, match="never sent"):
        hepy.save(pool, path.with_suffix(".copy"))


# What it refuses.


def test_another_key(pool, path, other_key):
    with pytest.raises(KeyMismatchError, match=f"and key {other_key.fingerprint[:16]} was to open it"):
        other_key.open_pool(path)
    with pytest.raises(KeyMismatchError):
        other_key.encrypt([1], pool=pool)


def test_a_file_that_is_there_is_not_replaced(public, pool, path):
    before = path.read_bytes()
    with pytest.raises(ParameterError, match=r"there already: public.open_pool\(path\) goes on"):
        public.pool(3, path)
    assert path.read_bytes() == before


def test_a_file_that_others_may_read(public, pool, path):
    for mode in (0o640, 0o604, 0o660, 0o622):
        path.chmod(mode)
        for use in (lambda: public.open_pool(path), lambda: taken(pool, 1)):
            with pytest.raises(ParameterError, match="others than its owner"):
                use()


def test_a_file_of_another_user(public, pool, path, monkeypatch):
    """Root may open it, and its owner would read what root encrypts."""
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    for use in (lambda: public.open_pool(path), lambda: taken(pool, 1)):
        with pytest.raises(ParameterError, match="belongs to another user, who can read what is encrypted with it"):
            use()


def test_a_copy(public, pool, path, every):
    """The copy's elements are the original's: one of them has to go."""
    copied = shutil.copy(path, path.with_suffix(".copy"))
    os.chmod(copied, 0o600)
    with pytest.raises(ParameterError, match="is a copy of a pool"):
        public.open_pool(copied)
    os.rename(path, path.with_suffix(".moved"))
    assert taken(public.open_pool(path.with_suffix(".moved")), 1) == every[:1]


def test_another_pool_in_its_place(public, pool, path):
    path.unlink()
    public.pool(21, path)
    with pytest.raises(ParameterError, match="another pool than was opened"):
        taken(pool, 1)


def test_a_damaged_element_is_found_before_it_spoils_a_ciphertext(pool, path, every):
    at = data_offset(path) + 24 + 20 * 4
    flip(path, at + 7 * 128 + 50)
    assert taken(pool, 7) == every[:7]
    with pytest.raises(WireFormatError, match="element 7 is damaged"):
        taken(pool, 3)
    assert pool.left == 13


def test_elements_that_were_exchanged(pool, path):
    at = data_offset(path) + 24 + 20 * 4
    data = bytearray(path.read_bytes())
    data[at : at + 128], data[at + 128 : at + 256] = data[at + 128 : at + 256], data[at : at + 128]
    with open(path, "r+b") as file:
        file.write(data)
    with pytest.raises(WireFormatError, match="element 0 is damaged"):
        taken(pool, 2)


def test_a_count_that_was_set_back_finds_erased_elements(pool, path):
    taken(pool, 5)
    with open(path, "r+b") as file:
        file.seek(data_offset(path) + 8)
        file.write(bytes(8) + b"\xff" * 8)
    assert pool.left == 20
    with pytest.raises(WireFormatError, match="element 0 is damaged"):
        taken(pool, 1)


@pytest.mark.parametrize("position", range(8, 24))
def test_a_damaged_count_is_never_believed(public, pool, path, position):
    taken(pool, 5)
    flip(path, data_offset(path) + position)
    with pytest.raises(WireFormatError, match="the count of used elements is damaged"):
        taken(pool, 1)


def test_files_that_are_no_pools(public, pool, path, tmp_path):
    def written(data):
        other = tmp_path / hashlib.sha256(data).hexdigest()[:8]
        other.write_bytes(data)
        other.chmod(0o600)
        return other

    data = path.read_bytes()
    for wrong, match in (
        (b"", "at least 8 bytes"),
        (data[:-1], "data: the header describes"),
        (data + b"\0", "data: the header describes"),
        (hepy.dumps(public), "holds a paillier.public_key, not a pool"),
        (data.replace(b'"count\\":20', b'"count\\":21'), "tensor 'checks'"),
        (data.replace(b'"count\\":20', b'"count\\":0 '), "not JSON|'count'|canonical"),
        (data.replace(b'"rerandomizes\\":0', b'"rerandomizes\\":2'), "'rerandomizes'"),
    ):
        with pytest.raises(WireFormatError, match=match):
            public.open_pool(written(wrong))
    with pytest.raises(FileNotFoundError):
        public.open_pool(tmp_path / "nothing")
    with pytest.raises((ParameterError, IsADirectoryError)):
        public.open_pool(tmp_path)


def test_a_full_disk_leaves_nothing(public, path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(hepy.StorageError):
        public.pool(4, path)
    assert os.listdir(path.parent) == []


# Used once.


def test_the_count_is_on_the_disk_before_anything_is_handed_out(pool, path, monkeypatch):
    """In this order: count, sync, erasure; and a sync that fails hands out nothing."""
    steps, state = [], data_offset(path) + 8
    pwrite, fsync = os.pwrite, os.fsync
    monkeypatch.setattr(
        os, "pwrite", lambda f, data, at: (steps.append("count" if at == state else "erase"), pwrite(f, data, at))[1]
    )
    monkeypatch.setattr(os, "fsync", lambda f: (steps.append("sync"), fsync(f))[1])
    taken(pool, 2)
    assert steps == ["count", "sync", "erase"]

    def broken(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        taken(pool, 2)
    assert pool.left == 16  # lost, not used


def killed(work):
    """Run work() in a forked child that kills itself at the end of it, if it comes so far."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_process_that_is_killed_between_take_and_use(public, path, pool, every, step):
    """Before the count is written, before it is synchronized, before the erasure, and after the take."""

    def child():
        calls, pwrite, fsync = iter(range(1, 9)), os.pwrite, os.fsync

        def counted(function):
            def call(*arguments):
                if next(calls) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments)

            return call

        os.pwrite, os.fsync = counted(pwrite), counted(fsync)
        taken(public.open_pool(path), 5)

    killed(child)
    after = taken(pool, 5)
    # Nothing was handed out where the count was not written; else all that may have been is left out.
    assert after == (every[:5] if step == 1 else every[5:10])
    assert taken(public.open_pool(path), 5) == (every[5:10] if step == 1 else every[10:15])


def test_processes_share_a_pool(public, path, tmp_path):
    pool = public.pool(60, path)
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                own, got = (public.open_pool(path) if number % 2 else pool), []
                try:
                    for _ in range(100):
                        got += taken(own, 1 + number % 3)
                except PoolExhaustedError:
                    status = 0
                (tmp_path / f"{number}.txt").write_text("\n".join(map(str, got)))
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    made = [line for number in range(4) for line in (tmp_path / f"{number}.txt").read_text().split()]
    made += map(str, taken(pool, pool.left))
    assert len(made) == len(set(made)) == 60


def test_threads_share_a_file(pool):
    with ThreadPoolExecutor(6) as threads:
        made = [c for elements in threads.map(lambda _: taken(pool, 2), range(10)) for c in elements]
    assert len(set(made)) == 20


def test_a_child_forked_during_a_take_does_not_keep_the_lock(public, pool, path, monkeypatch):
    """It has the descriptor, and with it the lock, until that is given back explicitly."""
    read, write = os.pipe()
    children, fsync = [], os.fsync

    def forking(descriptor):
        fsync(descriptor)
        child = os.fork()
        if child == 0:
            os.read(read, 1)  # lives until the test is done
            os._exit(0)
        children.append(child)

    monkeypatch.setattr(os, "fsync", forking)
    try:
        taken(pool, 1)
        with open(path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.write(write, b".")
        for child in children:
            os.waitpid(child, 0)
        os.close(read)
        os.close(write)


def test_a_large_pool_is_written_in_pieces(public, path, monkeypatch, seed):
    """More than a chunk of the engine's."""
    count = public.modulus.kernels(pool_files._devices.current()).chunk + 3
    pool = public.pool(count, path, seed=seed("large"))
    values = np.arange(count)
    assert public.encrypt(values, pool=pool).digest() == public.encrypt(values, seed=seed("large")).digest()


def test_a_pool_that_came_back_from_a_backup_is_refused(pool, public, path, tmp_path):
    with open(path, "rb") as file:
        if pool_files._birth(file.fileno()) == (0, 0):
            pytest.skip("this file system does not tell when files were made")
    shutil.copy(path, tmp_path / "backup")
    taken(pool, 3)
    time.sleep(0.05)  # files' times go by the kernel's ticks
    path.unlink()  # its inode's number is free again
    shutil.copy(tmp_path / "backup", path)
    path.chmod(0o600)
    with pytest.raises(ParameterError, match="copy of a pool"):
        public.open_pool(path)
    with pytest.raises(ParameterError, match="copy of a pool"):
        taken(pool, 1)


def test_a_pool_that_is_moved_stays_one(pool, public, path, tmp_path, every):
    assert taken(pool, 3) == every[:3]
    os.rename(path, tmp_path / "moved")
    assert taken(public.open_pool(tmp_path / "moved"), 2) == every[3:5]
    assert repr(pool).startswith("Pool(left=unknown, count=20")  # nothing is there any more


def test_without_times_of_birth_the_inode_tells(monkeypatch, public, path):
    monkeypatch.setattr(pool_files, "_statx", lambda: None)
    pool = public.pool(5, path)
    assert pool_files._birth(0) == (0, 0)
    taken(pool, 2)
    assert public.open_pool(path).left == 3
    shutil.copy(path, f"{path}.copy")
    os.chmod(f"{path}.copy", 0o600)
    with pytest.raises(ParameterError, match="copy of a pool"):
        public.open_pool(f"{path}.copy")
