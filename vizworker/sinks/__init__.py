"""What becomes of a drawn frame beside its answer."""
