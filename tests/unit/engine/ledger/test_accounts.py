"""Accounts of partitions: what is written with positions, and what is taken over from there."""

from __future__ import annotations

from aiokafka import TopicPartition

from hub.engine.ledger.accounts import LIMIT, OTHER, Accounts, Counts

P0, P1 = TopicPartition("t", 0), TopicPartition("t", 1)


def counted(note: str) -> Counts:
    """The account in a note, as whoever takes over reads it."""
    counts = Counts.of_note(f"partitions=3 start=5 {note}")
    assert counts is not None
    return counts


def test_a_note_gives_back_what_was_counted():
    """Every figure, reasons with blanks and of other scripts, and the offset at which counting began."""
    counts = Counts(17)
    counts.taken, counts.delivered, counts.replayed = 9, 4, 2
    counts.filtered.update({"where": 2, "zwei Wörter": 1})
    counts.dead_lettered.update({"Fehler🙂": 2})
    note = counts.to_note()
    assert note.isascii()
    assert " " not in note
    found = counted(f"ledger={note}")
    for name in Counts.__slots__:
        assert getattr(found, name) == getattr(counts, name), name
    assert found.settled == found.taken


def test_a_note_without_an_account_or_with_one_of_another_kind_has_none():
    """Notes of older versions and of other programs are no error."""
    notes = ("", "partitions=3 start=5", "ledger=", 'ledger={"t":"x"}', "ledger={nonsense}", 'my-ledger={"t":1}')
    assert [Counts.of_note(each) for each in notes] == [None] * len(notes)


def test_rare_reasons_are_folded_before_a_note_is_too_long():
    """The sum stays; the frequent ones stay told apart; no number of reasons and no length breaks the limit."""
    counts = Counts(0)
    for number in range(2000):
        counts.dead_lettered[f"Error{number:04}" + "x" * 300] = number + 1
        counts.filtered[f"reason {number}"] = 1
    counts.taken = counts.settled
    note = counts.to_note()
    assert len(note) <= LIMIT
    found = counted(f"ledger={note}")
    assert (found.settled, found.taken) == (counts.settled, counts.taken)
    assert found.dead_lettered["Error1999" + "x" * 55] == 2000
    assert found.dead_lettered[OTHER] > 0
    assert found.filtered == {OTHER: 2000}


def test_what_is_open_is_noted_and_counts_once_it_is_committed():
    """A transaction's counts are in its note; an aborted one leaves nothing."""
    accounts = Accounts()
    accounts.restore({P0: (10, ""), P1: (0, 'ledger={"o":0,"t":5,"d":5}')})
    accounts.open(P0).taken = 3
    accounts.open(P0).delivered = 3
    assert (counted(accounts.note(P0, 13)).taken, counted(accounts.note(P0, 13)).origin) == (3, 10)
    accounts.abort()
    assert counted(accounts.note(P0, 10)).taken == 0
    accounts.open(P1).taken = 2
    accounts.open(P1).filtered["where"] = 2
    assert accounts.commit().taken == 2
    assert accounts.commit().taken == 0
    assert counted(accounts.note(P1, 7)).taken == 7
    assert accounts.total().filtered == {"where": 2}


def test_a_commit_that_a_rebalance_overtook_is_told_once_and_counted_where_it_was_read_back():
    """The partition's note, read back, holds what was committed; nothing is added to it again."""
    accounts = Accounts()
    accounts.restore({P0: (0, "")})
    accounts.open(P0).taken = 4
    accounts.open(P0).delivered = 4
    note = accounts.note(P0, 4)
    accounts.restore({P0: (4, note)})
    assert accounts.commit().taken == 4
    assert accounts.total().taken == 4


def test_events_settled_out_of_order_count_with_the_commit_that_remembers_them():
    """What a crash would repeat isn't counted; what is remembered beyond the position is, once."""
    accounts = Accounts()
    accounts.restore({P0: (0, "")})
    accounts.settle(P0, 0, "delivered")
    accounts.settle(P0, 2, "dead_lettered", "Permanent", replayed=True)
    accounts.settle(P0, 3, "delivered")
    accounts.settle(P0, 3, "delivered")
    assert counted(accounts.note(P0, 1)).taken == 1
    noted = counted(accounts.note(P0, 1, {2}))
    assert (noted.taken, noted.dead_lettered, noted.replayed) == (2, {"Permanent": 1}, 1)
    accounts.committed(P0, 1, {2})
    accounts.settle(P0, 1, "filtered", "duplicate")
    last = counted(accounts.note(P0, 4))
    assert (last.taken, last.delivered, last.filtered) == (4, 2, {"duplicate": 1})
    accounts.committed(P0, 4)
    assert accounts.total().taken == 4


def test_partitions_that_went_to_another_worker_are_forgotten():
    """What is settled of them afterwards is repeated by the other, and counted there."""
    accounts = Accounts()
    accounts.restore({P0: (0, ""), P1: (0, "")})
    accounts.settle(P0, 0, "delivered")
    accounts.restore({P1: (0, "")})
    accounts.settle(P0, 1, "delivered")
    accounts.committed(P0, 2)
    assert accounts.total().taken == 0
