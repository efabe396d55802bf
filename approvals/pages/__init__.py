"""What pages show, gathered."""
