"""What routes look up, at work.

`desk.Desk` asks one far side; `enrichment.Enrichment` has all answers of a batch before it is mapped, and waits out
outages; `answers.Answers` keeps some for a while.
"""
