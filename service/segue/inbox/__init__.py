"""The inbox of unmapped codes: what senders send that nobody can translate, counted, and closed by a person (T-60 to T-68)."""
