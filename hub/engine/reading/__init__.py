"""What units read: a consumer that starts where it was told and never jumps, and how far it is behind.

`reader.Reader` is the consumer, `unit.ReadingUnit` what routes and sinks share. `positions` decides where a group
starts, `frontier` how far a partition is settled, `lag` and `retention` what waits and for how long it may.
"""
