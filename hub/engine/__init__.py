"""What runs units: sources, routes and sinks as tasks under one supervisor, with delivery, dead letters and ledgers.

`runtime.Runtime` is the way in; `status` tells what runs where, `deadletter` how failures are kept. A unit reads
through a `reader.Reader`, writes through an `outlet.Outlet`, and counts in a `ledger.Ledger`. The command line and
`hub.operate` build on this package; it builds on `hub.deployment`, `hub.kafka`, `hub.services` and `hub.ingress`.
Import the modules themselves.
"""
