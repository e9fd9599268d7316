"""`python -m segue.cli` is `segue`."""

from segue.cli import app

if __name__ == "__main__":
    app(prog_name="segue")
