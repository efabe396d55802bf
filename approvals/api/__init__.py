"""The API of approvals, advice and what both change: one call into a service each."""
