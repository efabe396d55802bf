"""The console's pages of trading, one file per subject. Each view is one call and one template."""
