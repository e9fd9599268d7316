"""The HTTP door: /v1 in plain bodies and problem+json, /fhir in FHIR resources only (A-01)."""
