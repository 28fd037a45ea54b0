"""Reading of DNS messages; malformed ones do no harm."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.resolver.messages import (
    AAAA,
    CNAME,
    OPT,
    QUESTION,
    A,
    message,
    record,
    soa,
    wire,
)
from triloop.adapters.resolver.wire import Answer, WireError, mixed_case, pack, read_answer

NAME = wire("www.test")
ONE = record(QUESTION, A, b"\x0a\1\2\3")


def read(data: bytes, name: bytes = NAME, kind: int = A) -> Answer | None:
    return read_answer(data, name, kind)


def test_a_question_has_the_form_of_rfc_1035_and_6891() -> None:
    header = bytes.fromhex("1234 0100 0001 0000 0000 0001")
    question = NAME + b"\0\x1c\0\1"
    edns = b"\0" + struct.pack("!HHIH", OPT, 1232, 0, 0)
    assert pack(b"\x12\x34", NAME, AAAA) == header + question + edns
    plain = bytes.fromhex("1234 0100 0001 0000 0000 0000")
    assert pack(b"\x12\x34", NAME, AAAA, with_edns=False) == plain + question


def test_noise_changes_the_case_of_letters_and_nothing_else() -> None:
    name = wire("a1-b_z.xn--tda.test")
    assert mixed_case(name, b"\0" * len(name)) == name
    assert mixed_case(name, b"\xff" * len(name)) == name.upper()
    assert mixed_case(name, os.urandom(len(name))).lower() == name


def test_addresses_have_their_order_and_the_shortest_time() -> None:
    records = (ONE, record(NAME, A, b"\x0a\1\2\4", ttl=7), record(QUESTION, A, b"\x0a\1\2\2"))
    assert read(message(NAME, answers=records)) == Answer(
        0, ("10.1.2.3", "10.1.2.4", "10.1.2.2"), ttl=7
    )


def test_ipv6_addresses() -> None:
    data = message(NAME, AAAA, (record(QUESTION, AAAA, bytes(15) + b"\1"),))
    assert read(data, kind=AAAA) == Answer(0, ("::1",), ttl=300)


def test_aliases_are_followed_in_any_order_and_case() -> None:
    records = (
        record(wire("B.Test"), A, b"\x0a\1\2\3"),
        record(wire("A.TEST"), CNAME, wire("b.test"), ttl=5),
        record(QUESTION, CNAME, wire("a.test")),
        record(wire("other.test"), A, b"\x7f\0\0\1"),
    )
    assert read(message(NAME, answers=records)) == Answer(0, ("10.1.2.3",), ttl=5)


def test_an_alias_without_an_address_gives_the_name_to_ask_for() -> None:
    answer = read(message(NAME, answers=(record(QUESTION, CNAME, wire("a.test")),)))
    assert answer == Answer(0, alias=wire("a.test"))


def test_aliases_in_a_circle_lead_to_the_name_itself() -> None:
    records = (
        record(QUESTION, CNAME, wire("a.test")),
        record(wire("a.test"), CNAME, NAME),
    )
    assert read(message(NAME, answers=records)) == Answer(0, alias=NAME)


def test_a_denial_has_no_addresses() -> None:
    data = message(NAME, answers=(ONE,), authorities=(soa(),), flags=0x8183)
    assert read(data) == Answer(3, ttl=60)


def test_a_referral_is_lame_and_the_denial_of_a_zone_is_not() -> None:
    referral = record(wire("test"), 2, wire("ns.test"))
    for record_, is_lame in ((referral, True), (soa(), False)):
        answer = read(message(NAME, authorities=(record_,), flags=0x8100))
        assert answer is not None
        assert answer.is_lame == is_lame


@pytest.mark.parametrize(("ttl", "minimum"), [(60, 300), (300, 60)])
def test_a_denial_is_cached_for_the_shorter_time_of_its_zone(ttl: int, minimum: int) -> None:
    data = message(NAME, authorities=(soa(ttl, minimum),), flags=0x8183)
    assert read(data) == Answer(3, ttl=60)


def test_a_denial_without_a_zone_is_not_cached() -> None:
    assert read(message(NAME, flags=0x8183)) == Answer(3)


def test_a_time_to_live_out_of_range_is_zero() -> None:
    data = message(NAME, answers=(record(QUESTION, A, b"\1\2\3\4", ttl=0x80000000),))
    assert read(data) == Answer(0, ("1.2.3.4",), ttl=0)


def test_edns_extends_the_response_code() -> None:
    edns = record(b"\0", OPT, b"", ttl=1 << 24, kind_class=1232)
    answer = read(message(NAME, extras=(edns,)))
    assert answer is not None
    assert answer.rcode == 16  # BADVERS


def test_what_is_truncated_is_not_read() -> None:
    answer = read(message(NAME, answers=(ONE[:3],), flags=0x8380))
    assert answer == Answer(0, is_truncated=True)


@pytest.mark.parametrize(
    ("flags", "is_lame"),
    [(0x8100, True), (0x8180, False), (0x8500, False), (0x8103, False)],
    ids=["knows nothing", "asks others", "is authoritative", "denies"],
)
def test_a_lame_server_does_not_know_the_name_nor_ask_others(flags: int, is_lame: bool) -> None:
    answer = read(message(NAME, flags=flags))
    assert answer is not None
    assert answer.is_lame == is_lame


def test_another_case_of_the_question_is_noticed() -> None:
    answer = read(message(NAME, answers=(ONE,)), name=NAME.upper())
    assert answer == Answer(0, ("10.1.2.3",), ttl=300, keeps_case=False)


def test_an_error_without_the_question_is_accepted() -> None:
    assert read(b"\x12\x34" + struct.pack("!5H", 0x8181, 0, 0, 0, 0)) == Answer(1)
    assert read(b"\x12\x34" + struct.pack("!5H", 0x8180, 0, 0, 0, 0)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        message(NAME)[:11],
        message(NAME)[:20],
        message(NAME, flags=0x0100),
        message(NAME, flags=0x9180),
        message(wire("xww.test"), answers=(ONE,)),
        message(NAME, AAAA, answers=(ONE,)),
    ],
    ids=["empty", "no header", "cut", "a question", "a notification", "other name", "other type"],
)
def test_replies_to_other_questions_are_ignored(data: bytes) -> None:
    assert read(data) is None


BROKEN = {
    "no record": message(NAME, answers=(ONE,))[: -len(ONE)],
    "half a name": message(NAME, answers=(ONE,))[: -len(ONE) + 1],
    "half a head": message(NAME, answers=(ONE,))[: -len(ONE) + 7],
    "half an address": message(NAME, answers=(ONE,))[:-1],
    "short address": message(NAME, answers=(record(QUESTION, A, b"\1\2\3"),)),
    "long address": message(NAME, answers=(record(QUESTION, A, b"\1\2\3\4\5"),)),
    "pointer forward": message(NAME, answers=(b"\xff\xff" + ONE[2:],)),
    "pointer to itself": message(NAME, answers=(b"\xc0\x1a" + ONE[2:],)),
    "pointer into the header": message(NAME, answers=(b"\xc0\x02" + ONE[2:],)),
    "label of an unknown kind": message(NAME, answers=(b"\x80\0" + ONE[2:],)),
    "long name": message(NAME, answers=(b"\x3f" * 64 * 5 + b"\0" + ONE[2:],)),
    "alias with a tail": message(NAME, answers=(record(QUESTION, CNAME, wire("a") + b"\0"),)),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_malformed_records_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        read(data)


def test_a_circle_of_pointers_and_labels_ends() -> None:
    # The pointer at the end of a label leads back to the label.
    circle = b"\1a" + struct.pack("!H", 0xC000 | len(message(NAME)))
    with pytest.raises(WireError):
        read(message(NAME, answers=(circle + ONE[2:],)))


def test_a_pointer_may_lead_into_the_middle_of_a_name() -> None:
    middle = b"\xc0" + bytes([12 + NAME.index(b"\4test")])
    alias = record(QUESTION, CNAME, b"\1a" + middle)
    data = message(NAME, answers=(alias, record(wire("a.test"), A, b"\1\2\3\4")))
    assert read(data) == Answer(0, ("1.2.3.4",), ttl=300)


def chain() -> bytes:
    """The worst reply: its records all lead into one chain of pointers."""
    head = message(NAME, flags=0x8180)
    start = len(head) + 11
    count = (16383 - start) // 2 - 2
    pointers = b"\0" + b"".join(
        struct.pack("!H", 0xC000 | (start + 2 * index - (1 if index else 0)))
        for index in range(count)
    )
    first = record(b"\0", 65280, pointers)
    record_count = (65535 - len(head) - len(first)) // 16
    records = b"".join(
        struct.pack("!H", 0xC000 | (start + 1 + 2 * (index % (count - 1))))
        + struct.pack("!HHIH", A, 1, 1, 4)
        + b"\1\2\3\4"
        for index in range(record_count)
    )
    return head[:6] + struct.pack("!H", record_count + 1) + head[8:] + first + records


class CountedBytes(bytes):
    """Bytes that count how often they are read."""

    looks = 0

    def __getitem__(self, index: object) -> object:  # type: ignore[override]
        self.looks += 1
        return super().__getitem__(index)  # type: ignore[call-overload]


def test_the_longest_chain_of_pointers_is_read_once() -> None:
    data = CountedBytes(chain())
    assert read(data) == Answer(0)
    assert data.looks < 2 * len(data)


LABELS = st.sampled_from(["a", "www", "test", "x" * 63])
NAMES = st.lists(LABELS, max_size=5).map(lambda labels: wire(".".join(labels)))
POINTERS = st.integers(0xC000, 0xC07F).map(lambda number: struct.pack("!H", number))
RECORDS = st.builds(
    record,
    st.one_of(NAMES, POINTERS, st.just(QUESTION)),
    st.sampled_from([A, CNAME, 6, AAAA, OPT, 16]),
    st.one_of(st.binary(max_size=20), NAMES, POINTERS),
    st.integers(0, 0xFFFFFFFF),
)
SECTIONS = st.lists(RECORDS, max_size=4).map(tuple)


@settings(max_examples=300, deadline=None)
@given(
    st.builds(message, st.just(NAME), st.just(A), SECTIONS, SECTIONS, SECTIONS),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=3),
)
def test_malformed_messages_do_no_harm(data: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(data)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    try:
        answer = read(bytes(changed))
    except WireError:
        return
    assert answer is None or answer.ttl >= 0


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100))
def test_random_bytes_do_no_harm(noise: bytes) -> None:
    assert read(noise) in {None, Answer(noise[3] & 15 if len(noise) > 3 else 0)}
