"""The worker's HTTP pages: health, metrics and each run's latest figure."""
