"""Which step a version may take next. Pure; the database knows the same table."""

from __future__ import annotations

DRAFT, CANDIDATE, SIMULATED = "DRAFT", "CANDIDATE", "SIMULATED"
APPROVED, ACTIVE, RETIRED = "APPROVED", "ACTIVE", "RETIRED"

NEXT: dict[str, frozenset[str]] = {
    DRAFT: frozenset({CANDIDATE, RETIRED}),
    CANDIDATE: frozenset({SIMULATED, RETIRED}),
    SIMULATED: frozenset({APPROVED, RETIRED}),
    APPROVED: frozenset({ACTIVE, SIMULATED, RETIRED}),  # SIMULATED: the approval went unused
    ACTIVE: frozenset({RETIRED}),
    # Back by a rollback; or proposed anew, from the start.
    RETIRED: frozenset({ACTIVE, CANDIDATE}),
}
