"""Keys of requests: what was promised is there, what was erased is nowhere, wherever the process or the power goes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, NoReturn, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.office import key_files, keys
from storage.office.key_files import (
    BLOCK,
    KEY_MAGIC,
    KEYS_MAGIC,
    PAIR,
    SlotContent,
    WrappedKeys,
    changes,
    laid_out,
    slot_blocks,
    wrapped_keys,
    wrapping_key,
)
from storage.office.keys import (
    KeyGone,
    KeysDamaged,
    KeysMissing,
    NotDecrypted,
    RequestKeys,
    Restored,
    StateFile,
    create,
    state_files,
)
from storage.words import failpoints
from storage.words.errors import OrderRefused, WriteFailed
from storage.words.failpoints import Failpoint
from tests.support.request_keys import Witness, pieces, watched
from tests.unit.storage.office.simulated_disk import (
    Died,
    Disk,
    ForgetfulFile,
    RenamingFile,
    SimulatedFile,
    UnsyncedFile,
    UnsyncedReadFile,
)

PLAIN: Final = "王小明".encode()
STEPS: Final = [step for step in Failpoint if step.startswith("keys.")]
Op: TypeAlias = tuple[str, str]
"""What is done (`add`, `erase`, `open`), and with which number."""


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    return watched(monkeypatch)


@dataclass
class World:
    """A box, and the naive model of what its keys should open."""

    witness: Witness
    kinds: tuple[type[SimulatedFile], type[SimulatedFile]] = (SimulatedFile, SimulatedFile)
    promised: dict[str, bytes] = field(default_factory=dict)
    """By number what was encrypted with its key."""
    erased: set[str] = field(default_factory=set)
    known: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = Disk()
        self.key, self.keys = (kind(self.disk, name) for kind, name in zip(self.kinds, ("key", "keys"), strict=True))
        self.box = create(self.key, self.keys)
        self.disk.ticks = 0

    def do(self, op: Op) -> None:
        """Died in the middle: it happened, or it did not; which of them is asked at the next opening."""
        what, number = op
        if what == "add" and number not in self.erased:
            self.known = self.box.add(number)
            if number not in self.promised:
                self.promised[number] = self.box.encrypt(number, "name", 0, PLAIN)
        elif what == "erase":
            before = self.promised.pop(number, None)
            try:
                self.known = self.box.erase(number)
            except Died:
                if before is not None:
                    self.promised[number] = before
                raise
            self.erased.add(number)
            self.look(f"{number} erased")
        elif what == "open":
            self.start(None)

    def start(self, unsure: Op | None) -> None:
        """After a crash in `unsure`, or in order."""
        try:
            self.box = RequestKeys(self.key, self.keys, at_least=self.known, erased=self.erased)
        except (KeysMissing, KeysDamaged, Restored) as error:
            self.faults.append(f"lost: {error}")
            raise Died from error
        if unsure is not None:
            what, number = unsure
            is_there = number in self.box.numbers
            if what == "add" and is_there and number not in self.promised:
                self.promised[number] = self.box.encrypt(number, "name", 0, PLAIN)
            if what == "erase" and not is_there:
                self.promised.pop(number, None)
                self.erased.add(number)
        self.look("opened")

    def look(self, when: str) -> None:
        if self.box.numbers != self.promised.keys():
            self.faults.append(f"lost: {when}: {sorted(self.box.numbers ^ self.promised.keys())}")
        for number, encrypted in self.promised.items():
            if number in self.box.numbers and self.box.decrypt(number, "name", 0, encrypted) != PLAIN:
                self.faults.append(f"lost: {when}: {number} opens something else")
        self.faults += [f"left: {when}: {what}" for what in self.left()]

    def left(self) -> Iterator[str]:
        """Of what was erased: nothing in either file, and nothing on the disk that a key could open."""
        raw, now = self.disk.raw(), bytes(self.box._wrapping.key)
        files = self.key.content() + self.keys.content()
        for key in self.witness.wrapping:
            if key != now and any(piece in raw for piece in pieces(key)):
                yield "an old wrapping key"
        for number, key, wrapped in self.witness.wrapped:
            if number in self.erased and any(piece in files for piece in pieces(wrapped)):
                yield f"the wrapped key of {number}"
            if number in self.erased and key == now and wrapped in raw:
                yield f"the key of {number}, wrapped by a key that exists"


Crash: TypeAlias = tuple[int, int | None]
"""At which instant, and the seed of what a power cut leaves; None: the disk lives on."""


def run(world: World, ops: Sequence[Op], *crashes: Crash) -> None:
    """The first crash comes at its instant of the run, each other at its instant of the opening that follows."""
    left = list(crashes)
    world.disk.dies_at = left[0][0] if left else None
    try:
        for op in (*ops, ("open", "")):
            try:
                world.do(op)
            except Died:
                recover(world, op, left)
    except Died:
        assert world.faults


def recover(world: World, unsure: Op, left: list[Crash]) -> None:
    """Opened again and again, until no crash is left."""
    while not world.faults:
        _, seed = left.pop(0)
        if seed is not None:
            world.disk.cut(seed)
        world.disk.dies_at = world.disk.ticks + left[0][0] if left else None
        try:
            world.start(unsure)
        except Died:
            if world.faults or not left:
                raise
        else:
            world.disk.dies_at = None
            return
    raise Died


SCENARIO: Final[list[Op]] = [
    ("add", "115-0001"),
    ("add", "115-0002"),
    ("erase", "115-0001"),
    ("add", "115-0003"),
    ("open", ""),
    ("erase", "115-0003"),
    ("erase", "115-0003"),
    ("add", "115-0004"),
]
LONG_NUMBERS: Final[list[Op]] = [("add", f"{number:064}") for number in range(34)]
"""Their keys take more than one block."""
GROWING: Final[list[Op]] = [("add", f"{34:064}"), ("erase", f"{3:064}"), ("add", f"{35:064}")]
LEAVES: Final = (0, 1, 2, 3, None)


def ticks(witness: Witness, ops: Sequence[Op]) -> int:
    world = World(witness)
    run(world, ops)
    assert world.faults == []
    return world.disk.ticks


def test_a_crash_at_every_write_and_another_while_it_is_finished(witness: Witness) -> None:
    last = ticks(witness, SCENARIO)
    assert last > 25
    for at in range(1, last + 1):
        for seed in LEAVES:
            for again in (None, *range(1, 7)):
                witness.forget()
                world = World(witness)
                run(world, SCENARIO, (at, seed), *([] if again is None else [(again, 2)]))
                assert world.faults == [], (at, seed, again)


def test_a_crash_while_the_file_grows(witness: Witness) -> None:
    first = ticks(witness, LONG_NUMBERS)
    last = ticks(witness, [*LONG_NUMBERS, *GROWING])
    for at in range(first - 20, last + 1):
        for seed in LEAVES:
            witness.forget()
            world = World(witness)
            run(world, [*LONG_NUMBERS, *GROWING], (at, seed))
            assert world.faults == [], (at, seed)
            assert len(world.keys.extent) == 4


NUMBERS: Final = st.sampled_from([*(f"115-000{number}" for number in range(6)), "檔" * 21])
OPS: Final = st.lists(
    st.one_of(st.tuples(st.sampled_from(["add", "add", "erase"]), NUMBERS), st.just(("open", ""))),
    min_size=1,
    max_size=25,
)
CRASHES: Final = st.lists(st.tuples(st.integers(1, 12), st.one_of(st.none(), st.integers(0, 1 << 16))), max_size=4)


@given(ops=OPS, at=st.integers(1, 120), seed=st.one_of(st.none(), st.integers(0, 1 << 16)), again=CRASHES)
def test_what_happens_is_what_a_dictionary_does(ops: list[Op], at: int, seed: int | None, again: list[Crash]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = World(watched(patch))
        run(world, ops, (at, seed), *again)
    assert world.faults == []


def finds(what: str, witness: Witness, key: type[SimulatedFile], wrapped: type[SimulatedFile]) -> bool:
    """A crash somewhere shows it, or a power cut shortly after the next start."""
    for at in range(1, 40):
        for crashes in (*([(at, seed)] for seed in LEAVES), [(at, None), (3, 0)]):
            witness.forget()
            world = World(witness, (key, wrapped))
            run(world, SCENARIO, *crashes)
            if any(fault.startswith(what) for fault in world.faults):
                return True
    return False


def test_a_file_that_is_renamed_over_the_keys_is_found(witness: Witness) -> None:
    assert finds("left", witness, RenamingFile, SimulatedFile)


def test_keys_that_are_not_synced_before_they_count_are_found(witness: Witness) -> None:
    assert finds("lost", witness, UnsyncedFile, SimulatedFile)
    assert finds("lost", witness, SimulatedFile, UnsyncedFile)
    assert finds("lost", witness, SimulatedFile, UnsyncedReadFile)
    assert not finds("", witness, SimulatedFile, SimulatedFile)


@pytest.mark.parametrize("kept", ["key", "keys"])
def test_a_slot_that_is_not_overwritten_is_found(witness: Witness, monkeypatch: pytest.MonkeyPatch, kept: str) -> None:
    lay = keys._lay

    def leave(file: keys.BlockFile, lies: bytearray, first: SlotContent, second: SlotContent) -> bytearray:
        return lies if first is second and file.path.name == kept else lay(file, lies, first, second)

    world = World(witness)
    world.do(("add", "115-0001"))
    monkeypatch.setattr(keys, "_lay", leave)
    monkeypatch.setattr(keys, "_verify", lambda *_: None)
    world.do(("erase", "115-0001"))
    assert [fault for fault in world.faults if fault.startswith("left")]


def test_a_disk_that_keeps_the_old_keys_is_no_erasure(witness: Witness) -> None:
    """It is read back."""
    world = World(witness, (ForgetfulFile, ForgetfulFile))
    world.do(("add", "115-0001"))
    assert isinstance(world.key, ForgetfulFile)
    world.key.forgets = True
    with pytest.raises(WriteFailed) as refused:
        world.box.erase("115-0001")
    assert "office.keys-not-verified" in refused.value.what.code
    with pytest.raises(WriteFailed, match="not finished"):
        world.box.erase("115-0001")


# The format.

BODIES: Final = st.binary(max_size=3 * BLOCK).map(bytearray)


def newest(data: bytearray) -> int | None:
    return max((slot.generation for slot in key_files._slots(KEYS_MAGIC, data)), default=None)


@given(old=BODIES, new=BODIES, blocks=st.integers(1, 4), chance=st.randoms(use_true_random=False))
def test_whatever_lands_of_a_change_the_old_or_the_new_is_in_force(
    old: bytearray, new: bytearray, blocks: int, chance: Random
) -> None:
    before, after = SlotContent(KEYS_MAGIC, 7, old), SlotContent(KEYS_MAGIC, 8, new)
    lies = laid_out(before, before, blocks)
    wanted = laid_out(before, after, slot_blocks(lies))
    assert len(lies) % PAIR == 0
    torn = bytearray(lies)
    for at, block in changes(lies, wanted):
        if chance.random() < 0.7:
            torn[len(torn) :] = bytes(max(0, at - len(torn)))
            torn[at : at + BLOCK] = block
    assert newest(torn) in (7, 8)
    slot = after if newest(torn) == 8 else before
    finished = laid_out(slot, slot, slot_blocks(torn))
    for at, block in changes(torn, finished):
        torn[at : at + BLOCK] = block
    assert torn == finished


@given(
    held=st.dictionaries(st.text(min_size=1, max_size=16), st.binary(min_size=60, max_size=60), max_size=200),
    generation=st.integers(0, (1 << 64) - 1),
    flips=st.lists(st.integers(0, 10_000), max_size=3),
    which=st.sampled_from([0, 1]),
)
def test_damage_to_one_slot_loses_nothing(
    held: dict[str, bytes], generation: int, flips: list[int], which: int
) -> None:
    wrapped = WrappedKeys(generation, bytes(16), held)
    data = laid_out(wrapped.slot, wrapped.slot)
    own = [at for at in range(len(data)) if at // BLOCK % 2 == which]
    for flip in flips:
        data[own[flip % len(own)]] ^= 1 << flip % 8
    found = wrapped_keys(data)
    assert found == wrapped


@given(st.binary(max_size=4 * BLOCK).map(bytearray))
def test_what_somebody_else_wrote_is_no_key(data: bytearray) -> None:
    assert wrapped_keys(data) is None
    assert wrapping_key(data, bytes(16)) is None


@given(st.binary(max_size=200).map(bytearray))
def test_a_body_that_makes_no_sense_is_no_key(body: bytearray) -> None:
    """Its checksum fits all the same."""
    slot = SlotContent(KEYS_MAGIC, 1, body)
    found = wrapped_keys(laid_out(slot, slot))
    assert found is None or found.slot.body == body
    key = wrapping_key(laid_out(SlotContent(KEY_MAGIC, 1, body), slot), bytes(body[:16]))
    assert (key is not None) == (len(body) == 48)


# Files as they are.


@pytest.fixture
def box(memory: Path) -> RequestKeys:
    return create(*state_files(memory))


def opened(state: Path, **known: object) -> RequestKeys:
    return RequestKeys(*state_files(state), **known)  # type: ignore[arg-type]


def test_what_was_encrypted_is_read_after_a_restart(box: RequestKeys, memory: Path) -> None:
    assert box.add("115-0001") == box.generation
    name = box.encrypt("115-0001", "name", 0, PLAIN)
    scan = box.encrypt("115-0001", "scan", 3, bytes(1 << 20))
    assert PLAIN not in name
    assert len(name) == len(PLAIN) + 28
    assert name != box.encrypt("115-0001", "name", 0, PLAIN)
    box.close()
    again = opened(memory, at_least=box.generation)
    assert again.decrypt("115-0001", "name", 0, name) == PLAIN
    assert again.decrypt("115-0001", "scan", 3, scan) == bytes(1 << 20)
    with pytest.raises(WriteFailed):
        box.decrypt("115-0001", "name", 0, name)


def test_no_ciphertext_passes_for_another(box: RequestKeys) -> None:
    box.add("115-0001")
    box.add("115-00011")
    encrypted = box.encrypt("115-0001", "name", 1, PLAIN)
    for number, kind, position in (
        ("115-00011", "name", 1),
        ("115-0001", "1name", 1),
        ("115-0001", "address", 1),
        ("115-0001", "name", 0),
    ):
        with pytest.raises(NotDecrypted):
            box.decrypt(number, kind, position, encrypted)
    for odd in (b"", encrypted[:20], encrypted[:-1], encrypted[:-1] + bytes([encrypted[-1] ^ 1])):
        with pytest.raises(NotDecrypted):
            box.decrypt("115-0001", "name", 1, odd)


PLACES: Final = st.tuples(st.text(max_size=4), st.text(max_size=4), st.integers(0, (1 << 64) - 1))


@given(one=PLACES, other=PLACES)
def test_no_two_places_are_the_same(one: tuple[str, str, int], other: tuple[str, str, int]) -> None:
    assert (keys._place(*one) == keys._place(*other)) == (one == other)
    number, kind, position = one
    assert keys._place(number + "1", kind, position) != keys._place(number, "1" + kind, position)


def test_the_files_stay_where_they_are_and_nothing_lies_beside_them(box: RequestKeys, memory: Path) -> None:
    def files() -> dict[str, tuple[int, int]]:
        return {path.name: (path.stat().st_ino, path.stat().st_mode & 0o777) for path in memory.iterdir()}

    before = files()
    assert before.keys() == {"office.key", "office.keys"}
    assert {mode for _, mode in before.values()} == {0o600}
    for number in range(90):
        box.add(f"115-{number:04}")
    size = (memory / "office.keys").stat().st_size
    for number in range(80):
        box.erase(f"115-{number:04}")
    assert files() == before
    assert (memory / "office.keys").stat().st_size == size == 2 * PAIR
    assert opened(memory).numbers == box.numbers == {f"115-{number:04}" for number in range(80, 90)}


def test_who_else_may_read_them_is_told(box: RequestKeys, memory: Path) -> None:
    key, wrapped = state_files(memory)
    assert key.exposed is wrapped.exposed is None
    (memory / "office.keys").chmod(0o640)
    assert "0640" in str(wrapped.exposed)


def test_a_number_is_a_short_text(box: RequestKeys) -> None:
    for odd in ("", "x" * 65, "號" * 22, "\udcff"):
        with pytest.raises(ValueError):  # noqa: PT011  of the standard library, too
            box.add(odd)
    assert box.numbers == frozenset()


def test_more_than_it_holds_is_refused(box: RequestKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CAPACITY", 2)
    box.add("1")
    box.add("2")
    box.add("2")
    with pytest.raises(OrderRefused):
        box.add("3")


def test_what_was_erased_is_not_begun_again(box: RequestKeys) -> None:
    box.add("1")
    box.erase("1")
    with pytest.raises(KeyGone):
        box.encrypt("1", "name", 0, PLAIN)
    with pytest.raises(OrderRefused):
        box.add("1")


def test_to_erase_what_has_no_key_changes_nothing(box: RequestKeys) -> None:
    assert box.erase("1") == box.generation == 1


def test_what_leaves_know_as_erased_is_erased_again(box: RequestKeys, memory: Path) -> None:
    for number in "123":
        box.add(number)
    again = opened(memory, at_least=box.generation, erased=["1", "3", "9"])
    assert again.numbers == opened(memory).numbers == {"2"}
    assert again.generation > box.generation


def test_an_older_file_is_told_and_not_used(box: RequestKeys, memory: Path) -> None:
    box.add("1")
    box.add("2")
    old = {path: path.read_bytes() for path in memory.iterdir()}
    kept = box.encrypt("2", "name", 0, PLAIN)
    box.add("3")
    known = box.add("4")
    for path, data in old.items():
        path.write_bytes(data)
    with pytest.raises(Restored, match="change 3, and 5 is known"):
        opened(memory, at_least=known)
    assert {path: path.read_bytes() for path in memory.iterdir()} == old
    taken = opened(memory, at_least=known, erased=["1"], take_restored=True)
    assert taken.numbers == {"2"}
    assert taken.decrypt("2", "name", 0, kept) == PLAIN
    assert opened(memory, at_least=taken.generation).generation > known


def test_an_older_file_by_another_wrapping_key_is_told_as_older(box: RequestKeys, memory: Path) -> None:
    box.add("1")
    old = (memory / "office.keys").read_bytes()
    known = box.erase("1")
    (memory / "office.keys").write_bytes(old)
    with pytest.raises(Restored):
        opened(memory, at_least=known)
    with pytest.raises(KeysDamaged) as unfit:
        opened(memory, at_least=known, take_restored=True)
    assert unfit.value.what.code == "office.keys-do-not-fit"


@pytest.mark.parametrize("name", ["office.key", "office.keys"])
def test_a_file_that_is_gone_or_damaged_is_told_in_words(box: RequestKeys, memory: Path, name: str) -> None:
    box.add("1")
    path = memory / name
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(KeysMissing, match=name):
        opened(memory)
    for odd in (b"", whole[:40], bytes(len(whole)), b"x" * len(whole)):
        path.write_bytes(odd)
        with pytest.raises(KeysDamaged, match=name):
            opened(memory)
        assert path.read_bytes() == odd
    path.unlink()
    path.mkdir()
    with pytest.raises(KeysDamaged, match="cannot be read"):
        opened(memory)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(KeysDamaged, match="it is no file"):
        opened(memory)
    path.unlink()
    path.symlink_to("/dev/null")
    with pytest.raises(KeysDamaged, match="cannot be read"):
        opened(memory)
    path.unlink()
    path.write_bytes(whole)
    assert opened(memory).numbers == {"1"}


def test_a_file_that_is_far_too_large_is_not_read(box: RequestKeys, memory: Path) -> None:
    os.truncate(memory / "office.keys", key_files.MAX_BYTES + 1)
    with pytest.raises(KeysDamaged, match="cannot be read"):
        opened(memory)


def test_one_bad_slot_is_mended(box: RequestKeys, memory: Path) -> None:
    box.add("1")
    whole = {path: path.read_bytes() for path in memory.iterdir()}
    for path, data in whole.items():
        for at in (100, BLOCK + 100):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert opened(memory, at_least=box.generation).numbers == {"1"}
            assert path.read_bytes() == data


def test_a_file_that_somebody_changed_meanwhile_is_not_written_over(box: RequestKeys, memory: Path) -> None:
    box.add("1")
    old = (memory / "office.keys").read_bytes()
    box.add("2")
    (memory / "office.keys").write_bytes(old)
    with pytest.raises(KeysDamaged, match="somebody else"):
        box.add("3")
    assert (memory / "office.keys").read_bytes() == old


def test_keys_that_can_be_read_are_not_begun_anew(box: RequestKeys, memory: Path) -> None:
    assert create(*state_files(memory)).numbers == frozenset()
    opened(memory).add("1")
    with pytest.raises(OrderRefused):
        create(*state_files(memory))


def test_lost_keys_are_begun_anew_in_place(box: RequestKeys, memory: Path, witness: Witness) -> None:
    box.add("1")
    wrapped = witness.wrapped[0][2]
    inode = (memory / "office.keys").stat().st_ino
    assert wrapped in (memory / "office.keys").read_bytes()
    (memory / "office.key").unlink()
    anew = create(*state_files(memory), at_least=box.generation)
    assert anew.generation == box.generation + 1
    assert (memory / "office.keys").stat().st_ino == inode
    assert wrapped not in (memory / "office.keys").read_bytes()
    assert anew.add("1")


def test_a_beginning_that_was_cut_off_is_begun_again() -> None:
    at = 0
    while True:
        at += 1
        for seed in LEAVES:
            disk = Disk()
            key, wrapped = SimulatedFile(disk, "key"), SimulatedFile(disk, "keys")
            disk.dies_at = at
            try:
                create(key, wrapped)
            except Died:
                if seed is not None:
                    disk.cut(seed)
            else:
                assert at > 6
                return
            disk.dies_at = None
            create(key, wrapped).add("1")
            assert RequestKeys(key, wrapped, at_least=2).numbers == {"1"}


@pytest.fixture
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm(None)


def die_at(step: Failpoint) -> Callable[[Failpoint], None]:
    def pull(at: Failpoint) -> None:
        if at == step:
            raise Died

    return pull


@pytest.mark.usefixtures("disarmed")
@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_dies_at_a_step_is_finished(
    box: RequestKeys, memory: Path, step: Failpoint, witness: Witness
) -> None:
    box.add("1")
    box.add("2")
    kept, old = box.encrypt("2", "name", 0, PLAIN), bytes(box._wrapping.key)
    failpoints.arm(die_at(step))
    with pytest.raises(Died):
        box.erase("1")
    failpoints.arm(None)
    with pytest.raises(WriteFailed):
        box.add("3")
    again = opened(memory, at_least=box.generation)
    assert again.numbers == ({"1", "2"} if step is Failpoint.KEYS_PREPARED else {"2"})
    assert again.decrypt("2", "name", 0, kept) == PLAIN
    (prepared,) = witness.wrapping
    files = b"".join(path.read_bytes() for path in memory.iterdir())
    assert (prepared in files, old in files) == (step is not Failpoint.KEYS_PREPARED, step is Failpoint.KEYS_PREPARED)
    assert opened(memory, erased=["1"]).numbers == {"2"}


@pytest.mark.usefixtures("disarmed")
@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_dies_at_a_step_of_its_finish_is_finished(
    box: RequestKeys, memory: Path, step: Failpoint
) -> None:
    box.add("1")
    failpoints.arm(die_at(Failpoint.KEYS_IN_FORCE))
    with pytest.raises(Died):
        box.erase("1")
    failpoints.arm(die_at(step))
    try:
        opened(memory)
    except Died:
        assert step in (Failpoint.KEYS_KEY_GONE, Failpoint.KEYS_SLOT_GONE, Failpoint.KEYS_VERIFIED)
    failpoints.arm(None)
    assert opened(memory).numbers == frozenset()


@pytest.mark.usefixtures("disarmed")
@pytest.mark.parametrize("step", [step for step in STEPS if step is not Failpoint.KEYS_PREPARED])
def test_a_key_that_dies_at_a_step_is_there(box: RequestKeys, memory: Path, step: Failpoint) -> None:
    failpoints.arm(die_at(step))
    with pytest.raises(Died):
        box.add("1")
    failpoints.arm(None)
    assert opened(memory).numbers == {"1"}


def test_every_write_is_synced_before_anything_else(box: RequestKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the calls to the kernel: what was written to a file is synced before it is closed, and nothing is cut."""
    calls: list[str] = []
    write, sync, close, open_ = os.pwrite, os.fsync, os.close, os.open

    def noted(name: str, call: Callable[..., int | None]) -> Callable[..., int | None]:
        def do(*arguments: object) -> int | None:
            calls.append(name)
            return call(*arguments)

        return do

    def opening(path: str, flags: int, *rest: int) -> int:
        assert not flags & os.O_TRUNC
        return open_(path, flags, *rest)

    for name, call in (("pwrite", write), ("fsync", sync), ("close", close)):
        monkeypatch.setattr(os, name, noted(name, call))
    monkeypatch.setattr(os, "open", opening)
    box.add("1")
    box.erase("1")
    monkeypatch.undo()
    ends = [calls[at + 1] for at, name in enumerate(calls) if name == "pwrite" and calls[at + 1] != "pwrite"]
    assert set(ends) == {"fsync"}
    assert len(ends) == 2 + 4


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_disk_that_fails_is_told_and_nothing_goes_on(
    box: RequestKeys, memory: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    box.add("1")
    kept = box.encrypt("1", "name", 0, PLAIN)

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises((WriteFailed, KeysDamaged)):
            box.erase("1")
    with pytest.raises(WriteFailed, match="not finished"):
        box.decrypt("1", "name", 0, kept)
    again = opened(memory)
    again.erase("1")
    assert again.numbers == frozenset()


def test_what_the_process_before_wrote_is_synced_before_it_is_read(
    box: RequestKeys, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, read, calls = os.fsync, os.preadv, list[str]()

    def syncing(fd: int) -> None:
        calls.append("fsync")
        sync(fd)

    def reading(fd: int, buffers: list[memoryview], at: int) -> int:
        calls.append("preadv")
        return read(fd, buffers, at)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "preadv", reading)
    state_files(memory)[0].read()
    assert calls == ["fsync", "preadv"]


def test_a_change_that_is_under_way_is_no_reason_to_open_them_anew(
    box: RequestKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks in the middle (`OfficeStore.open`, every few seconds) would close them for who makes it."""
    told = []
    monkeypatch.setattr(failpoints, "_listener", lambda step: told.append((step, box.usable)))
    box.add("1")
    box.erase("1")
    assert {step for step, _ in told} == set(STEPS)
    assert all(usable for _, usable in told)


def test_a_short_write_goes_on(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: write(fd, data[:1000], at))
    file = StateFile(memory / "office.keys")
    file.create()
    wanted = bytearray(os.urandom(PAIR))
    file.overwrite(changes(bytearray(), wanted))
    assert file.read() == wanted


def test_a_disk_without_direct_reads_is_read(box: RequestKeys, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, tried = os.preadv, list[int]()

    def refuse(fd: int, buffers: list[memoryview], at: int) -> int:
        tried.append(at)
        if len(tried) == 1:
            raise OSError(errno.EINVAL, "Invalid argument")
        return read(fd, buffers, at)

    monkeypatch.setattr(os, "preadv", refuse)
    assert len(StateFile(memory / "office.key").read()) == PAIR


def test_nobody_loads_the_library_before_there_is_something_to_open() -> None:
    code = "import sys, storage.office.keys; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "False\n"


def test_wrapping_keys_in_memory_are_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that lie in buffers of ours."""
    disk, buffers = Disk(), list[bytearray]()
    read = SimulatedFile.read

    def reading(file: SimulatedFile) -> bytearray:
        buffers.append(read(file))
        return buffers[-1]

    def laying_out(first: SlotContent, second: SlotContent, blocks: int = 1) -> bytearray:
        buffers.append(laid_out(first, second, blocks))
        return buffers[-1]

    monkeypatch.setattr(SimulatedFile, "read", reading)
    monkeypatch.setattr(keys, "laid_out", laying_out)
    box = create(SimulatedFile(disk, "key"), SimulatedFile(disk, "keys"))
    old = box._wrapping.slot.body
    box.add("1")
    box.erase("1")
    new = box._wrapping.slot.body
    assert any(new)
    box.close()
    buffers = buffers[2:]  # of what was there before it began
    assert len(buffers) > 20
    assert not any(any(buffer) for buffer in (old, new, *buffers))


def test_no_key_is_shown_by_accident(box: RequestKeys) -> None:
    assert box._wrapping.key.hex() not in repr(box._wrapping)
    assert "bytearray" not in repr(box._wrapping)
