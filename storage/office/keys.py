"""The keys of requests: what is kept of a request's persons is encrypted, and to erase a key is to erase the persons.

Blocking. Each number (of a request, or of a person's record) has a data key of 256 bit. Fields and scans are encrypted
with it by AES-256-GCM; number, kind and position are associated data, so that no ciphertext passes for another. Data
keys lie wrapped in `office.keys`, the wrapping key in `office.key`, both in the state directory and nowhere else
(`storage.office.key_files` has the format). They are wrapped with AES-256-GCM, too. It binds a key to its number, which
AES key wrap (RFC 3394) does not, and it wraps 100,000 keys in a second. Its nonces are random: of 2^32 allowed under
one key (NIST SP 800-38D) 100,000 are used, and each erasure makes a new wrapping key.

Both files are written in place, so that the blocks that held a key are the blocks that are overwritten: no file is
renamed over them, none is cut, and no key lies in a file beside them. A change takes these steps, each durable before
the next (`RequestKeys`); a crash is finished at the next opening:

    step            what a crash behind it leaves, and what becomes of it
    prepared        a new wrapping key in slot 1 of `office.key`, to which nothing goes: it is overwritten
    in-force        slot 1 of `office.keys` is the newest, and counts: the change has happened
    key-gone        the old wrapping key is overwritten
    slot-gone       what was in slot 0 of `office.keys` is overwritten
    verified        both files were read back from the disk

A new data key skips `prepared`. To erase takes a new wrapping key, by which all that remains is wrapped anew.

Promised: once a number's key is reported erased, neither file holds it in any wrapping, and no block of the disk, in a
file or given back by ext4 or XFS without data journaling, holds the old wrapping key. Not promised: copies in memory.
Buffers of ours are overwritten; Python and `cryptography` make copies that are not, and swap may keep those. Nor what
lies below or beside a file system: blocks that a flash controller keeps, snapshots, reflinks, copy-on-write, and
backups that others made of the state directory.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from storage.files import exposure, fsync_directory
from storage.office.key_files import (
    BLOCK,
    CAPACITY,
    KEY_BYTES,
    KEY_MAGIC,
    MAX_BYTES,
    NAME_BYTES,
    NUMBER_MAX_BYTES,
    SlotContent,
    WrappedKeys,
    WrappingKey,
    changes,
    laid_out,
    slot_blocks,
    wipe,
    wrapped_keys,
    wrapping_key,
)
from storage.words.errors import DegradeError, OrderRefused, WriteFailed, said
from storage.words.failpoints import Failpoint, reach
from storage.words.message import Message, message

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_NAME: Final = "office.key"
KEYS_NAME: Final = "office.keys"
"""In the state directory."""
MODE: Final = 0o600
NONCE_BYTES: Final = 12


class KeysMissing(DegradeError):
    """A file of the keys is not there: nobody is read, nobody is entered."""


class KeysDamaged(DegradeError):
    """A file of the keys cannot be read, or is not what it should be: nobody is read, nobody is entered."""


class Restored(DegradeError):
    """The keys are older than this box knows them: somebody put a copy in their place. Nothing was changed."""


class KeyGone(DegradeError):
    """A number has no key: it was erased, or lost, or there never was one."""


class NotDecrypted(DegradeError):
    """A ciphertext is damaged, or belongs to another number, kind or position."""


class BlockFile(Protocol):
    """A file that is written in place. Each call raises OSError."""

    @property
    def path(self) -> Path: ...

    def create(self) -> None:
        """An empty one, durably, unless one is there."""

    def read(self) -> bytearray:
        """What the disk has of it, which stays: what was written before is durable by now. FileNotFoundError."""

    def overwrite(self, blocks: Iterable[tuple[int, memoryview]]) -> None:
        """Blocks and their offsets in bytes; durable when it returns. May go on behind the end, without a hole."""


class StateFile:
    """One in the state directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        return self._path

    @property
    def exposed(self) -> Message | None:
        """Who else may have read it, in words; None: nobody, or it is not there."""
        try:
            return exposure(self._path, self._path.stat(), MODE)
        except OSError:
            return None

    def create(self) -> None:
        with self._opened(os.O_WRONLY | os.O_CREAT):
            fsync_directory(self._path.parent)

    def read(self) -> bytearray:
        with self._opened(os.O_RDONLY) as fd:
            os.fsync(fd)
            size = os.fstat(fd).st_size
            if size > MAX_BYTES:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(self._path))
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            try:
                fcntl.fcntl(fd, fcntl.F_SETFL, os.O_DIRECT)
                return _read(fd, size)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
            fcntl.fcntl(fd, fcntl.F_SETFL, 0)
            return _read(fd, size)

    def overwrite(self, blocks: Iterable[tuple[int, memoryview]]) -> None:
        with self._opened(os.O_WRONLY) as fd:
            for at, block in blocks:
                done = 0
                while done < len(block):
                    done += os.pwrite(fd, block[done:], at + done)
            os.fsync(fd)

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        fd = os.open(self._path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, MODE)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "it is no file", str(self._path))
            yield fd
        finally:
            os.close(fd)


def _read(fd: int, size: int) -> bytearray:
    """From an aligned buffer, as O_DIRECT wants it."""
    found = bytearray()
    with mmap.mmap(-1, max(1, -(-size // BLOCK)) * BLOCK) as buffer:
        with memoryview(buffer) as view:
            while len(found) < size:
                with view[len(found) :] as rest:
                    count = os.preadv(fd, [rest], len(found))
                if count == 0:
                    break
                found += view[len(found) : len(found) + count]
        buffer[:] = bytes(len(buffer))
    return found


def state_files(state: Path) -> tuple[StateFile, StateFile]:
    """`office.key` and `office.keys` of this state directory."""
    return StateFile(state / KEY_NAME), StateFile(state / KEYS_NAME)


class RequestKeys:
    """The keys of one box, open. From any thread.

    After an error while something is written nothing can be read or written any more: open it again, which finishes
    what was begun or finds that it was not.
    """

    def __init__(
        self,
        key_file: BlockFile,
        keys_file: BlockFile,
        *,
        at_least: int = 0,
        erased: Iterable[str] = (),
        take_restored: bool = False,
    ) -> None:
        """Opens both, and finishes what a crash cut off.

        `at_least` is the highest generation that was ever answered, as database and leaves know it. `erased` are the
        numbers whose keys were to be erased, by the leaves: those that are there are erased again. An older file is
        used only with `take_restored`; its generation is beyond `at_least` then. KeysMissing, KeysDamaged, Restored,
        WriteFailed.
        """
        self._key_file, self._keys_file = key_file, keys_file
        self._lock = threading.Lock()
        self._erased = set(erased)
        self._usable = False
        key, keys = _found(key_file), _found(keys_file)
        self._keys = _in_force(keys_file, keys)
        is_older = self._keys.generation < at_least
        if is_older and not take_restored:
            raise _restored(keys_file.path, self._keys.generation, at_least)
        self._wrapping = _wrapping(key_file, key, keys_file, self._keys)
        self._settle(key, keys)
        if is_older or not self._erased.isdisjoint(self._keys.keys):
            self._rewrap(at_least)

    @property
    def generation(self) -> int:
        """Counts changes; what `at_least` is compared with."""
        return self._keys.generation

    @property
    def usable(self) -> bool:
        """No change was left unfinished, and it is not closed."""
        return self._usable

    @property
    def numbers(self) -> frozenset[str]:
        """Those that have a key."""
        return frozenset(self._keys.keys)

    def add(self, number: str) -> int:
        """A key for this number, durable when it returns the generation; one that is there stays.

        ValueError for one without characters, or with more than 64 bytes. OrderRefused where its key was erased, or
        where 100,000 are there. WriteFailed, KeysDamaged.
        """
        if not 0 < len(number.encode()) <= NUMBER_MAX_BYTES:
            raise ValueError(f"{number!r} cannot be the number of a key")
        with self._lock:
            self._check_usable()
            if number in self._erased:
                raise _erased_before(number)
            if number not in self._keys.keys:
                if len(self._keys.keys) >= CAPACITY:
                    raise _full(self._keys_file.path)
                key = bytearray(os.urandom(KEY_BYTES))
                keys = {**self._keys.keys, number: _wrap(self._wrapping, number, key)}
                wipe(key)
                self._change(self._wrapping, WrappedKeys(self._keys.generation + 1, self._wrapping.name, keys))
            return self._keys.generation

    def erase(self, number: str) -> int:
        """Nothing opens what is kept of this number any more, when it returns the generation; also if it had no key.

        After an error it may have happened or not: open again, and call this again. WriteFailed, KeysDamaged.
        """
        with self._lock:
            self._check_usable()
            self._erased.add(number)
            if number in self._keys.keys:
                self._rewrap()
            return self._keys.generation

    def encrypt(self, number: str, kind: str, position: int, data: bytes) -> bytes:
        """Nonce and ciphertext, 28 bytes more than the data, which has less than 2 GiB. KeyGone, KeysDamaged,
        WriteFailed.

        `kind` names the field, `position` (from 0) which of several: both, and the number, are to be given again.
        """
        nonce = os.urandom(NONCE_BYTES)
        return nonce + _aes_gcm(self._data_key(number)).encrypt(nonce, data, _place(number, kind, position))

    def decrypt(self, number: str, kind: str, position: int, encrypted: bytes) -> bytes:
        """What `encrypt` was given. NotDecrypted, KeyGone, KeysDamaged, WriteFailed."""
        plain = _decrypted(self._data_key(number), encrypted, _place(number, kind, position))
        if plain is None:
            raise _not_decrypted(number)
        return plain

    def close(self) -> None:
        """Overwrite the wrapping key in memory; nothing can be read or written any more."""
        with self._lock:
            self._usable = False
            wipe(self._wrapping.slot.body)

    def _data_key(self, number: str) -> bytes:
        with self._lock:
            self._check_usable()
            return self._unwrap(number)

    def _unwrap(self, number: str) -> bytes:
        wrapped = self._keys.keys.get(number)
        if wrapped is None or number in self._erased:
            raise _gone(number)
        key = _decrypted(self._wrapping.key, wrapped, number.encode())
        if key is None:
            raise _damaged(self._keys_file.path)
        return key

    def _rewrap(self, at_least: int = 0) -> None:
        """All that is not erased by a new wrapping key, in a generation beyond `at_least`."""
        generation = max(self._keys.generation, at_least) + 1
        wrapping = _new_wrapping_key(generation)
        remain = [number for number in self._keys.keys if number not in self._erased]
        keys = {number: _wrap(wrapping, number, self._unwrap(number)) for number in remain}
        self._change(wrapping, WrappedKeys(generation, wrapping.name, keys))

    def _change(self, wrapping: WrappingKey, keys: WrappedKeys) -> None:
        """Put these in force. While it is under way they are usable to all who wait for it."""
        try:
            self._put_in_force(wrapping, keys)
        except BaseException:
            self._usable = False
            raise

    def _put_in_force(self, wrapping: WrappingKey, keys: WrappedKeys) -> None:
        before, after = self._keys.slot, keys.slot
        key_lies, keys_lie = _found(self._key_file), _found(self._keys_file)
        for file, lies, slot in (
            (self._key_file, key_lies, self._wrapping.slot),
            (self._keys_file, keys_lie, before),
        ):
            expected = laid_out(slot, slot, slot_blocks(lies))
            is_ours = lies == expected
            wipe(expected)
            if not is_ours:
                raise _changed(file.path)
        key_lies = _lay(self._key_file, key_lies, self._wrapping.slot, wrapping.slot)
        if wrapping is not self._wrapping:
            reach(Failpoint.KEYS_PREPARED)
        keys_lie = _lay(self._keys_file, keys_lie, before, after)
        reach(Failpoint.KEYS_IN_FORCE)
        if wrapping is not self._wrapping:
            wipe(self._wrapping.slot.body)
        self._wrapping, self._keys = wrapping, keys
        self._settle(key_lies, keys_lie)

    def _settle(self, key_lies: bytearray, keys_lie: bytearray) -> None:
        """Both slots of both files say what is in force, and the disk has it."""
        slot = self._keys.slot
        key_lies = _lay(self._key_file, key_lies, self._wrapping.slot, self._wrapping.slot)
        reach(Failpoint.KEYS_KEY_GONE)
        keys_lie = _lay(self._keys_file, keys_lie, slot, slot)
        reach(Failpoint.KEYS_SLOT_GONE)
        _verify(self._key_file, key_lies)
        _verify(self._keys_file, keys_lie)
        reach(Failpoint.KEYS_VERIFIED)
        self._usable = True

    def _check_usable(self) -> None:
        if not self._usable:
            raise _unfinished(self._keys_file.path)


def create(key_file: BlockFile, keys_file: BlockFile, *, at_least: int = 0) -> RequestKeys:
    """Begin without any key, in a generation beyond `at_least`: at first, or where all are lost.

    What is left of lost ones is overwritten in place. After a crash in the middle they are missing or damaged: call it
    again. OrderRefused where there are keys that can be read. WriteFailed, KeysDamaged.
    """
    _refuse_to_lose(key_file, keys_file)
    wrapping = _new_wrapping_key(at_least + 1)
    slots = (key_file, wrapping.slot), (keys_file, WrappedKeys(at_least + 1, wrapping.name, {}).slot)
    for file, slot in slots:
        try:
            file.create()
        except OSError as error:
            raise _not_written(file.path, error) from error
        _verify(file, _lay(file, _found(file), slot, slot))
    return RequestKeys(key_file, keys_file)


def _refuse_to_lose(key_file: BlockFile, keys_file: BlockFile) -> None:
    try:
        keys = _in_force(keys_file, _found(keys_file))
        _wrapping(key_file, _found(key_file), keys_file, keys)
    except (KeysMissing, KeysDamaged):
        return
    if keys.keys:
        raise OrderRefused(
            message("office.keys-there", "{path} holds keys of requests", path=str(keys_file.path)),
            message("office.keys-there.action", "use them as they are: they can be read"),
        )


def _in_force(file: BlockFile, data: bytearray) -> WrappedKeys:
    """KeysDamaged."""
    found = wrapped_keys(data)
    if found is None:
        raise _damaged(file.path)
    return found


def _wrapping(file: BlockFile, data: bytearray, keys_file: BlockFile, keys: WrappedKeys) -> WrappingKey:
    """The one that these go by. KeysDamaged."""
    found = wrapping_key(data, keys.wrapping)
    if found is None:
        raise KeysDamaged(
            message(
                "office.keys-do-not-fit",
                "the key in {path} is damaged, or is not that of {keys}",
                path=str(file.path),
                keys=str(keys_file.path),
            ),
            _advice(),
        )
    return found


def _found(file: BlockFile) -> bytearray:
    """KeysMissing, KeysDamaged."""
    try:
        return file.read()
    except FileNotFoundError as error:
        raise KeysMissing(
            message("office.keys-missing", "the keys of requests, {path}, are gone", path=str(file.path)), _advice()
        ) from error
    except OSError as error:
        raise KeysDamaged(
            message(
                "office.keys-unreadable",
                "the keys of requests, {path}, cannot be read ({reason})",
                path=str(file.path),
                reason=said(error),
            ),
            _advice(),
        ) from error


def _lay(file: BlockFile, lies: bytearray, first: SlotContent, second: SlotContent) -> bytearray:
    """Write what does not lie there yet, durably; what lies there now. WriteFailed."""
    wanted = laid_out(first, second, slot_blocks(lies))
    blocks = list(changes(lies, wanted))
    if blocks:
        try:
            file.overwrite(blocks)
        except OSError as error:
            raise _not_written(file.path, error) from error
    wipe(lies)
    return wanted


def _verify(file: BlockFile, wanted: bytearray) -> None:
    """WriteFailed where the disk has something else; KeysDamaged where it cannot be read."""
    found = _found(file)
    is_there = found == wanted
    wipe(found)
    wipe(wanted)
    if not is_there:
        raise WriteFailed(
            message("office.keys-not-verified", "{path} does not read back as it was written", path=str(file.path)),
            _disk_advice(),
        )


def _new_wrapping_key(generation: int) -> WrappingKey:
    return WrappingKey(SlotContent(KEY_MAGIC, generation, bytearray(os.urandom(NAME_BYTES + KEY_BYTES))))


def _wrap(wrapping: WrappingKey, number: str, key: bytes | bytearray) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _aes_gcm(wrapping.key).encrypt(nonce, key, number.encode())


def _decrypted(key: bytes | memoryview, encrypted: bytes, place: bytes) -> bytes | None:
    """None where key, ciphertext and place do not belong together."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415  as below

    try:
        return _aes_gcm(key).decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], place)
    except (InvalidTag, ValueError):  # ValueError: it is shorter than a nonce
        return None


def _aes_gcm(key: bytes | memoryview) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  most verbs of edgectl do without it

    return AESGCM(key)


def _place(number: str, kind: str, position: int) -> bytes:
    """The associated data: no two places have the same."""
    words = [word.encode() for word in (number, kind)]
    return b"".join(len(word).to_bytes(2, "big") + word for word in words) + position.to_bytes(8, "big")


def _advice() -> Message:
    return message(
        "office.keys-lost.action",
        "check the disk of the state directory; if the file is lost, enter the persons again from the papers",
    )


def _disk_advice() -> Message:
    return message("office.keys-not-written.action", "check the disk of the state directory, then start edged again")


def _damaged(path: Path) -> KeysDamaged:
    return KeysDamaged(
        message("office.keys-damaged", "the keys of requests, {path}, are damaged", path=str(path)), _advice()
    )


def _changed(path: Path) -> KeysDamaged:
    return KeysDamaged(
        message("office.keys-changed", "{path} was changed by somebody else while edged runs", path=str(path)),
        message("office.keys-changed.action", "find out by whom, then start edged again"),
    )


def _restored(path: Path, generation: int, at_least: int) -> Restored:
    return Restored(
        message(
            "office.keys-restored",
            "{path} is older than it was: change {generation}, and {known} is known",
            path=str(path),
            generation=generation,
            known=at_least,
        ),
        message(
            "office.keys-restored.action",
            "find out who put it back; persons who were erased are erased again, those entered since then are lost",
        ),
    )


def _not_written(path: Path, error: OSError) -> WriteFailed:
    return WriteFailed(
        message(
            "office.keys-not-written", "{path} could not be written ({reason})", path=str(path), reason=said(error)
        ),
        _disk_advice(),
    )


def _unfinished(path: Path) -> WriteFailed:
    return WriteFailed(
        message("office.keys-unfinished", "a change of {path} was not finished, or it is closed", path=str(path)),
        _disk_advice(),
    )


def _full(path: Path) -> OrderRefused:
    return OrderRefused(
        message("office.keys-full", "{path} holds {count} keys, and takes no more", path=str(path), count=CAPACITY),
        message("office.keys-full.action", "erase the persons of requests whose time is over"),
    )


def _gone(number: str) -> KeyGone:
    return KeyGone(
        message("office.key-gone", "the persons of {number} cannot be read: there is no key for them", number=number),
        message("office.key-gone.action", "look into the papers: they were erased, or the keys were lost"),
    )


def _erased_before(number: str) -> OrderRefused:
    return OrderRefused(
        message("office.key-erased", "the persons of {number} were erased", number=number),
        message("office.key-erased.action", "nothing brings them back; enter a new request"),
    )


def _not_decrypted(number: str) -> NotDecrypted:
    return NotDecrypted(
        message("office.not-decrypted", "what is kept of the persons of {number} is damaged", number=number),
        message("office.not-decrypted.action", "look into the papers, and check the disk"),
    )
