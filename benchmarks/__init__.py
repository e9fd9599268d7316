"""How fast Segue is, beside others and beside itself: every comparison is made within one run (P-50)."""
