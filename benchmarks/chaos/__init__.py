"""A whole console under faults, and a judge that holds its books against the exchange's ledger.

Two ways of judging were weighed. One that looks on all the time sees states that last a moment,
but it reads two sides that move, so it must forgive differences, and it loads the machine that
it watches. The other lets everything settle, takes both sides once, and judges: each number is
exact, the judge is a pure function, and what lasted a moment is in the append-only log anyway
(transitions, audit events, the exchange's list of requests). This is the second.

The judge doesn't ask our database which order belongs to which decision: each decision of the
driver has a quantity that no other has, so the exchange's ledger alone tells how many orders a
decision has become. `evidence` holds both sides, `judge` compares them, `tally` makes the table;
`stack`, `stores`, `weather` and `driver` are the processes, `run` is the story of one run.
"""
