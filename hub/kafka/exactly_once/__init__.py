"""What aiokafka lacks for exactly-once: offsets that commit with a transaction, under the group's generation (KIP-447).

aiokafka 0.14 sends transactional offsets without saying who sends them, so that a worker which lost its partitions can
still commit them, and a worker that takes them over can read a position before the last commit is through. Here are the
two requests that close the gap, TxnOffsetCommit version 3 and OffsetFetch version 7, and a producer and a reader of
positions which use them. It is meant to be small enough to be offered to aiokafka as it is.
"""

from hub.kafka.exactly_once.membership import Membership, StaleMember
from hub.kafka.exactly_once.positions import stable_positions
from hub.kafka.exactly_once.producer import GroupProducer
from hub.kafka.exactly_once.writer import TransactionWriter

__all__ = ["GroupProducer", "Membership", "StaleMember", "TransactionWriter", "stable_positions"]
