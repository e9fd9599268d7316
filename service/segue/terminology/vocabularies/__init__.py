"""Vocabularies that a user loads: LOINC, SNOMED CT, RxNorm, CVX, FHIR CodeSystems. None ships (T-70 to T-72)."""

from segue.terminology.vocabularies.index import Concept, Edition, Match, Vocabularies
from segue.terminology.vocabularies.loading import Loaded, load
from segue.terminology.vocabularies.release import VocabularyError

__all__ = ["Concept", "Edition", "Loaded", "Match", "Vocabularies", "VocabularyError", "load"]
