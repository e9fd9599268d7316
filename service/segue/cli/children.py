"""Processes beside a service that convert its messages: started with its settings, so that they load the rules it has
(P-34, S-56)."""

from __future__ import annotations

import os
import pickle
import sys

from segue.cli.collector import let_young_be
from segue.cli.remote import translations_for
from segue.cli.rules import converter_for, rule_files
from segue.delivery.children import Children, first, serve
from segue.settings import Settings


def children_of(settings: Settings) -> Children:
    """As many as the settings say; started when they are first needed."""
    command = (sys.executable, "-m", "segue.cli.children")
    return Children(settings.limits.processes, command, pickle.dumps(settings))


def main() -> None:
    """Such a process."""
    from segue import log

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever somebody prints is no answer
    settings: Settings = pickle.loads(first(sys.stdin.buffer))  # of our own parent
    log.configure(settings.log.format, "warning", sys.stderr)
    remote = settings.terminology.remote
    converter = converter_for(
        (), settings.terminology.vocabularies, rule_files(settings), translations_for(remote), reload=True
    )
    converter.compiled()
    let_young_be()
    serve(converter, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
