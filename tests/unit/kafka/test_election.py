"""Whom the group's first member gives the lead."""

from __future__ import annotations

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from hub.kafka.election import _Assignor


class Cluster:
    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0, 1} if topic == "t" else None


class Group:
    """Members by their ids, with what they remember."""

    def __init__(self, **names: str) -> None:
        self.members = {member: _Assignor(name) for member, name in names.items()}

    def rebalance(self, *present: str) -> str:
        """The member that leads, among those that are present; each hears what is decided."""
        chosen = [member for member in self.members if member in present]
        told = {
            member: ConsumerProtocolMemberMetadata.decode(self.members[member].metadata(["t"]).encode())
            for member in chosen
        }
        made = self.members[chosen[-1]].assign(Cluster(), told)
        leading = [member for member, assignment in made.items() if assignment.partitions()]
        for member, assignment in made.items():
            self.members[member].on_assignment(ConsumerProtocolMemberAssignment.decode(assignment.encode()))
        assert len(leading) == 1
        return leading[0]


def test_one_leads_and_everybody_hears_who():
    """It gets all partitions, should the topic have several."""
    group = Group(a="host-1", b="host-2")
    leader = group.rebalance("a", "b")
    assert {each.leader for each in group.members.values()} == {{"a": "host-1", "b": "host-2"}[leader]}


def test_whoever_leads_goes_on_leading():
    """Workers that join or leave change nothing, whatever their ids are."""
    group = Group(m="first", a="second", z="third")
    assert group.rebalance("m") == "m"
    assert group.rebalance("m", "a") == "m"
    assert group.rebalance("m", "a", "z") == "m"
    assert group.rebalance("m", "z") == "m"


def test_one_that_was_replaced_while_it_was_away_does_not_take_the_lead_back():
    """It still takes itself for the leader, of an earlier term."""
    group = Group(a="zombie", b="next")
    assert group.rebalance("a", "b") == "a"
    assert group.rebalance("b") == "b"
    assert group.rebalance("a", "b") == "b"
    assert group.members["a"].leader == "next"


def test_what_a_member_of_another_version_tells_is_no_error():
    """Nothing, nonsense, or something else in the place of numbers."""
    told = {
        member: ConsumerProtocolMemberMetadata(0, ["t"], said)
        for member, said in {"a": b"", "b": b"{", "c": b"[1]", "d": b'{"term": "x", "leads": true}'}.items()
    }
    made = _Assignor("me").assign(Cluster(), told)
    assert sum(bool(each.partitions()) for each in made.values()) == 1
