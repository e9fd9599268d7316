"""HL7 v2 text ▸ message tree. Knows no FHIR."""

from .batch import Batch, Splitter, split_batch
from .events import Trigger, structure_of
from .grouping import Group, dissolve, group
from .message import Message, Part, Repetition, Segment
from .reader import read

__all__ = [
    "Batch",
    "Group",
    "Message",
    "Part",
    "Repetition",
    "Segment",
    "Splitter",
    "Trigger",
    "dissolve",
    "group",
    "read",
    "split_batch",
    "structure_of",
]
