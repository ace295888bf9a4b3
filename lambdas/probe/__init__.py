"""The probe: asks each region's public path how it is, from this observer's point of view."""
