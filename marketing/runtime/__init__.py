"""Sets up, starts and stops the running set: virtual environment, engines, processes."""
