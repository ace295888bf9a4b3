"""The drill: streams real recordings, breaks a region, and proves from outside what became of every event.

It shares no code with the system under test, never calls a promote or failover API, and believes only
its own journals and what SQL and the log of the surviving region say.
"""
