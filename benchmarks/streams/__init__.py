"""How dear are market streams, how soon are they back? See docs/reference/benchmarks.md."""
