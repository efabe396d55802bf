"""The parts of `benchmarks/simulation_speed.py`: a market, bare loops, our runs, the peers."""
