"""Sources at work: `polling` asks outside APIs, `webhook` takes what they send.

A batch and its cursor are one transaction (`tenure`, `cursors`); one worker alone polls a source (`leadership`,
`lock`); what is delivered twice is published once (`deduplication`).
"""
