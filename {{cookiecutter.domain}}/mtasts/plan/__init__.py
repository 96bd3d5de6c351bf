"""What a change does, and whether it is safe."""
