"""Groups of commands: `segue config`, `terminology`, `unmapped`, `journal`. Words, flags and help only."""
