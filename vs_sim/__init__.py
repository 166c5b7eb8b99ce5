"""vs_sim: dialogue studies with simulated people."""
