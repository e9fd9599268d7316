"""The settings of a running service: one typed tree, defaults < file < environment < flags (O-40, O-41).

Knows every setting, its default and what may stand there; finds all faults at once, each with its path, its origin and
the nearest right name. Every default is safe (O-44): a listener off loopback without protection has to be asked for in
words. Refuses to know what a setting does.
"""

from segue.settings.doors import Http, Listener, TimeZone, is_loopback
from segue.settings.loading import Fault, Key, Loaded, SettingsError, load
from segue.settings.tree import Drain, Limits, Log, Settings

__all__ = [
    "Drain",
    "Fault",
    "Http",
    "Key",
    "Limits",
    "Listener",
    "Loaded",
    "Log",
    "Settings",
    "SettingsError",
    "TimeZone",
    "is_loopback",
    "load",
]
