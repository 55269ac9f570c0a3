"""Sinks at work: `sink.SinkUnit` delivers to far sides, many keys at once and each in its order.

`delivery` is its loop: it takes in (`intake`), decides what is next (`schedule`), how many at once (`limit`), calls the
connector (`courier`), and keeps the order of keys over dead letters where that is wanted (`parking`).
"""
