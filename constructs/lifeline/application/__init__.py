"""The services, and the API that hospitals post events to."""
