"""The way of one event through a running deployment, put together from what lies on Kafka.

`finding` looks for the records of an event in a window of time, `following` gathers what came of it, `kinship` tells
which came of which, `standing` where the units are, and `tree` makes hops of all that. Nothing here joins a group,
commits or creates anything. Import `trace` from `hub.workbench.journey.journey`, and `hop` to show what it gives.
"""
