"""The HIPAA Security Rule's standards that a rule, a drill or a setting can speak for (45 CFR 164)."""

from __future__ import annotations

import re

CONTROL = re.compile(r"164\.\d+(?:\([A-Za-z0-9]+\))+")

CONTROLS = {
    "164.308(a)(3)(i)": "Workforce security",
    "164.308(a)(3)(ii)(A)": "Authorization and supervision",
    "164.308(a)(3)(ii)(B)": "Workforce clearance procedure",
    "164.308(a)(4)(i)": "Information access management",
    "164.308(a)(4)(ii)(A)": "Isolating health care clearinghouse functions",
    "164.308(a)(4)(ii)(B)": "Access authorization",
    "164.308(a)(4)(ii)(C)": "Access establishment and modification",
    "164.308(a)(5)(ii)(A)": "Security reminders",
    "164.308(a)(5)(ii)(C)": "Log-in monitoring",
    "164.308(a)(7)(i)": "Contingency plan",
    "164.308(a)(7)(ii)(A)": "Data backup plan",
    "164.308(a)(7)(ii)(B)": "Disaster recovery plan",
    "164.308(a)(7)(ii)(C)": "Emergency mode operation plan",
    "164.308(a)(7)(ii)(D)": "Testing and revision procedures",
    "164.308(a)(7)(ii)(E)": "Applications and data criticality analysis",
    "164.310(d)(2)(i)": "Disposal",
    "164.310(d)(2)(iii)": "Accountability",
    "164.312(a)(1)": "Access control",
    "164.312(a)(2)(ii)": "Emergency access procedure",
    "164.312(a)(2)(iv)": "Encryption and decryption",
    "164.312(b)": "Audit controls",
    "164.312(c)(1)": "Integrity",
    "164.312(c)(2)": "Mechanism to authenticate electronic protected health information",
    "164.312(e)(1)": "Transmission security",
    "164.312(e)(2)(i)": "Integrity controls in transmission",
    "164.312(e)(2)(ii)": "Encryption in transmission",
}
"""Control id to its title, in the order of the rule."""


def controls_in(text: str) -> tuple[str, ...]:
    """The control ids that a rule's text names, such as `(Control IDs: 164.312(b), ...)`."""
    return tuple(dict.fromkeys(CONTROL.findall(text)))
