"""A terminology server besides the local maps: off by default, never waited for by a conversion (T-31 to T-38)."""

from segue.terminology.remote.resolver import Resolver
from segue.terminology.remote.server import Server
from segue.terminology.remote.translations import Translations

__all__ = ["Resolver", "Server", "Translations"]
