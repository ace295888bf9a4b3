"""The rule packs by the name that every id of theirs begins with."""

from __future__ import annotations

HIPAA = "HIPAA.Security"
NIST = "NIST.800.53.R5"
PCI = "PCI.DSS.321"
AWS_SOLUTIONS = "AwsSolutions"
CONTINUITY = "LifelineContinuity"
"""Our own pack; see `lifeline.compliance.continuity_pack`."""
SHARED = (HIPAA, NIST, PCI)
"""The packs that repeat each other's rules under the same short names."""
