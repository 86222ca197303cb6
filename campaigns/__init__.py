"""campaigns act: decide, render, send and learn."""
