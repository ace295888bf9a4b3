"""How a client of the log (librdkafka) is encrypted, and whom it believes: the one place for all of them.

MSK's brokers have certificates of Amazon's public authorities, for their own names. `probe` looks for the
system's authorities where Amazon Linux (Lambda) and Debian (the image) keep them: the wheel's own OpenSSL
knows neither place. All three are librdkafka's defaults; written out, no release of it can change them here.
"""

from __future__ import annotations

VERIFIED_LOG: dict[str, str | bool] = {
    "security.protocol": "SASL_SSL",
    "enable.ssl.certificate.verification": True,
    "ssl.endpoint.identification.algorithm": "https",
    "ssl.ca.location": "probe",
}
