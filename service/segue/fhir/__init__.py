"""FHIR R4: element tables, Bundles, identities, validation, OperationOutcome."""
