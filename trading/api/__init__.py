"""REST doors of trading, one file per subject: read the request, one call, shape the answer."""
