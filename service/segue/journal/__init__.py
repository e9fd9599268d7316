"""What must survive a crash: every message received, what became of it, and what is still to be done with it (S-36 to
S-69)."""
